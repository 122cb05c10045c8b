-- What the dashboard reads most, by cluster, in the order in which it is read: of all targets and vantages together, so that a
-- page reads a row of each hour and connection, and an hour or a day of every provider is a few granules. Recomputed from facts
-- as all rollups; days, which are few and read most, from hours. Histograms are log buckets, base 1.02, in ms.
-- No mark vouches for them yet: the collector's next round takes rollup_hour and rollup_day for a start, then rolls up anew the
-- hours whose facts are there.
CREATE TABLE IF NOT EXISTS ${DATABASE}.cluster_hour
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    cluster        LowCardinality(String),
    kind           LowCardinality(String),
    connection     LowCardinality(String),
    n              UInt32 CODEC(T64, ZSTD(1)),
    n_ok           UInt32 CODEC(T64, ZSTD(1)),
    n_degraded     UInt32 CODEC(T64, ZSTD(1)),
    n_failed       UInt32 CODEC(T64, ZSTD(1)),
    n_unknown      UInt32 CODEC(T64, ZSTD(1)),
    n_not_observed UInt32 CODEC(T64, ZSTD(1)),
    reasons        Map(String, UInt32) CODEC(ZSTD(1)),
    ttft_hist      Map(Int16, UInt32) CODEC(ZSTD(1)),
    intended_hist  Map(Int16, UInt32) CODEC(ZSTD(1)),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, t, cluster, kind, connection)
TTL t + INTERVAL 3 YEAR
SETTINGS index_granularity = 256, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.cluster_day
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    cluster        LowCardinality(String),
    kind           LowCardinality(String),
    connection     LowCardinality(String),
    n              UInt32 CODEC(T64, ZSTD(1)),
    n_ok           UInt32 CODEC(T64, ZSTD(1)),
    n_degraded     UInt32 CODEC(T64, ZSTD(1)),
    n_failed       UInt32 CODEC(T64, ZSTD(1)),
    n_unknown      UInt32 CODEC(T64, ZSTD(1)),
    n_not_observed UInt32 CODEC(T64, ZSTD(1)),
    reasons        Map(String, UInt32) CODEC(ZSTD(1)),
    ttft_hist      Map(Int16, UInt32) CODEC(LZ4),
    intended_hist  Map(Int16, UInt32) CODEC(LZ4),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYear(t)
ORDER BY (provider, t, cluster, kind, connection)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

-- What was asked of each target, by module.
CREATE TABLE IF NOT EXISTS ${DATABASE}.target_hour
(
    t              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider       LowCardinality(String),
    cluster        LowCardinality(String),
    target         LowCardinality(String),
    kind           LowCardinality(String),
    module         LowCardinality(String),
    model          LowCardinality(String),
    access_path    LowCardinality(String),
    n_ok           UInt32 CODEC(T64, ZSTD(1)),
    n_degraded     UInt32 CODEC(T64, ZSTD(1)),
    n_failed       UInt32 CODEC(T64, ZSTD(1)),
    n_unknown      UInt32 CODEC(T64, ZSTD(1)),
    n_not_observed UInt32 CODEC(T64, ZSTD(1)),
    last_tick      DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ver            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, kind, module, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- As model_times, of a day: the whole of a long window is asked for, and histograms cost by the row.
CREATE TABLE IF NOT EXISTS ${DATABASE}.model_times_day
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
PARTITION BY toYear(t)
ORDER BY (provider, model, t)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
