-- How our probes and real traffic fared with the same target by class of prompt length, recomputed from facts as all rollups.
-- Times to first token as sums of logarithms of ms; decimals, so that any order gives the same sum. And real traffic by cluster,
-- as rollup_hour has our probes. Hours that are there already are rolled up by the collector's next round: the mark that vouched
-- for the other comparisons is not its.
CREATE TABLE IF NOT EXISTS ${DATABASE}.treatment_hour
(
    t          DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider   LowCardinality(String),
    cluster    LowCardinality(String),
    target     LowCardinality(String),
    source     LowCardinality(String),
    size       UInt8 CODEC(ZSTD(1)),
    n_known    UInt64 CODEC(T64, ZSTD(1)),
    n_failed   UInt64 CODEC(T64, ZSTD(1)),
    n_timed    UInt64 CODEC(T64, ZSTD(1)),
    ln         Decimal(38, 9) CODEC(ZSTD(1)),
    ln_squares Decimal(38, 18) CODEC(ZSTD(1)),
    ver        DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, source, size, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.traffic_hour
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    cluster        LowCardinality(String),
    connection     LowCardinality(String),
    n_ok           UInt64 CODEC(T64, ZSTD(1)),
    n_degraded     UInt64 CODEC(T64, ZSTD(1)),
    n_failed       UInt64 CODEC(T64, ZSTD(1)),
    n_unknown      UInt64 CODEC(T64, ZSTD(1)),
    n_not_observed UInt64 CODEC(T64, ZSTD(1)),
    ttft_hist      Map(Int16, UInt64) CODEC(ZSTD(1)),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, connection, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;
