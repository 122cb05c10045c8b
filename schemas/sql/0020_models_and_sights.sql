-- What providers are compared by, recomputed from facts as all rollups: what models did and what was billed, how long they
-- took (histograms are log buckets, base 1.02, in ms), and in which twelfths of an hour a provider was seen, and was down.
-- Hours that are there already are rolled up by the collector's next round: no mark vouches for them yet.
CREATE TABLE IF NOT EXISTS ${DATABASE}.model_hour
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    model          LowCardinality(String),
    cluster        LowCardinality(String),
    target         LowCardinality(String),
    n_ok           UInt64 CODEC(T64, ZSTD(1)),
    n_degraded     UInt64 CODEC(T64, ZSTD(1)),
    n_failed       UInt64 CODEC(T64, ZSTD(1)),
    n_unknown      UInt64 CODEC(T64, ZSTD(1)),
    n_not_observed UInt64 CODEC(T64, ZSTD(1)),
    billed_in      UInt64 CODEC(T64, ZSTD(1)),
    billed_out     UInt64 CODEC(T64, ZSTD(1)),
    good_out       UInt64 CODEC(T64, ZSTD(1)),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, model, cluster, target, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.model_times
(
    t             DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider      LowCardinality(String),
    model         LowCardinality(String),
    ttft_hist     Map(Int16, UInt64) CODEC(ZSTD(1)),
    gap_hist      Map(Int16, UInt64) CODEC(ZSTD(1)),
    n_gaps_billed UInt64 CODEC(T64, ZSTD(1)),
    ver           DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, model, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.sights
(
    t        DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider LowCardinality(String),
    vantage  LowCardinality(String),
    seen     UInt16 CODEC(ZSTD(1)),
    down     UInt16 CODEC(ZSTD(1)),
    ver      DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, vantage, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;
