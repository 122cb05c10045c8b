-- What outlives the raw rows of streams and engines, by hour. Histograms are log buckets, base 1.02, in ms.
CREATE TABLE IF NOT EXISTS ${DATABASE}.token_arrivals
(
    t            DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider     LowCardinality(String),
    cluster      LowCardinality(String),
    target       LowCardinality(String),
    vantage      LowCardinality(String),
    kind         LowCardinality(String),
    connection   LowCardinality(String),
    n_streams    UInt64 CODEC(T64, ZSTD(1)),
    gap_hist     Map(Int16, UInt64) CODEC(ZSTD(1)),
    longest_hist Map(Int16, UInt64) CODEC(ZSTD(1)),
    ver          DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, vantage, kind, connection, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.engine_metrics
(
    t        DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider LowCardinality(String),
    cluster  LowCardinality(String),
    target   LowCardinality(String),
    vantage  LowCardinality(String),
    name     LowCardinality(String),
    n        UInt64 CODEC(T64, ZSTD(1)),
    low      Float64 CODEC(ZSTD(1)),
    high     Float64 CODEC(ZSTD(1)),
    total    Float64 CODEC(ZSTD(1)),
    last     Float64 CODEC(ZSTD(1)),
    ver      DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, vantage, name, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;
