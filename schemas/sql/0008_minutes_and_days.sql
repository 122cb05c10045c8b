-- Rollups beside the hours, recomputed in the same way: minutes in which something failed or was not observed, counted over
-- all vantages, and days.
CREATE TABLE IF NOT EXISTS ${DATABASE}.bad_minutes
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    cluster        LowCardinality(String),
    target         LowCardinality(String),
    kind           LowCardinality(String),
    n              UInt64 CODEC(T64, ZSTD(1)),
    n_failed       UInt64 CODEC(T64, ZSTD(1)),
    n_not_observed UInt64 CODEC(T64, ZSTD(1)),
    reasons        Map(String, UInt64) CODEC(ZSTD(1)),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, kind, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.rollup_day
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    cluster        LowCardinality(String),
    target         LowCardinality(String),
    vantage        LowCardinality(String),
    kind           LowCardinality(String),
    connection     LowCardinality(String),
    n              UInt64 CODEC(T64, ZSTD(1)),
    n_ok           UInt64 CODEC(T64, ZSTD(1)),
    n_degraded     UInt64 CODEC(T64, ZSTD(1)),
    n_failed       UInt64 CODEC(T64, ZSTD(1)),
    n_not_observed UInt64 CODEC(T64, ZSTD(1)),
    n_distrusted   UInt64 CODEC(T64, ZSTD(1)),
    reasons        Map(String, UInt64) CODEC(ZSTD(1)),
    ttft_hist      Map(Int16, UInt64) CODEC(ZSTD(1)),
    intended_hist  Map(Int16, UInt64) CODEC(ZSTD(1)),
    total_hist     Map(Int16, UInt64) CODEC(ZSTD(1)),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYear(t)
ORDER BY (provider, cluster, target, vantage, kind, connection, t)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Up to which ingested_at every row is in the rollups; the largest mark holds.
CREATE TABLE IF NOT EXISTS ${DATABASE}.rollup_marks
(
    name LowCardinality(String),
    mark DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(mark)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
