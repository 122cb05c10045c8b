-- What an hour of looks at each target's engine page told, recomputed from facts as all rollups: of each figure how many looks
-- told which value. A bucket is the value's ten leading bits (bits 14 to 29 of its Float32 after a scale of 2^-63, rounded): the
-- value within 0.1 %, whole numbers up to 1024 exactly.
-- Hours that are there already are rolled up by the collector's next round: the mark that vouched for the others is not its.
CREATE TABLE IF NOT EXISTS ${DATABASE}.capacity_hour
(
    t                   DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider            LowCardinality(String),
    cluster             LowCardinality(String),
    target              LowCardinality(String),
    n                   UInt64 CODEC(T64, ZSTD(1)),
    n_read              UInt64 CODEC(T64, ZSTD(1)),
    n_queued            UInt64 CODEC(T64, ZSTD(1)),
    n_gpus              UInt64 CODEC(T64, ZSTD(1)),
    first_tick          DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    kv_hist             Map(UInt16, UInt32) CODEC(ZSTD(1)),
    running_hist        Map(UInt16, UInt32) CODEC(ZSTD(1)),
    waiting_hist        Map(UInt16, UInt32) CODEC(ZSTD(1)),
    load_hist           Map(UInt16, UInt32) CODEC(ZSTD(1)),
    gpu_util_hist       Map(UInt16, UInt32) CODEC(ZSTD(1)),
    per_request_hist    Map(UInt16, UInt32) CODEC(ZSTD(1)),
    running_queued_hist Map(UInt16, UInt32) CODEC(ZSTD(1)),
    ver                 DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;
