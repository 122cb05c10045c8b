-- Recomputed from facts for closed hours, never incremented: the newest ver wins. Histograms are log buckets, base 1.02, in ms.
CREATE TABLE IF NOT EXISTS ${DATABASE}.rollup_1h
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    cluster        LowCardinality(String),
    target         LowCardinality(String),
    vantage        LowCardinality(String),
    kind           LowCardinality(String),
    n              UInt64 CODEC(T64, ZSTD(1)),
    n_ok           UInt64 CODEC(T64, ZSTD(1)),
    n_degraded     UInt64 CODEC(T64, ZSTD(1)),
    n_failed       UInt64 CODEC(T64, ZSTD(1)),
    n_not_observed UInt64 CODEC(T64, ZSTD(1)),
    reasons        Map(String, UInt64) CODEC(ZSTD(1)),
    ttft_hist      Map(Int16, UInt64) CODEC(ZSTD(1)),
    total_hist     Map(Int16, UInt64) CODEC(ZSTD(1)),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, vantage, kind, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;
