-- Rollups that tell cold from warm. Hours whose facts are still there are recomputed by the collector; older ones are taken
-- over with connection '' (not known then). Latency histograms count trusted timings only; intended_hist counts from the
-- intended instant, and those that waited in vain.
CREATE TABLE IF NOT EXISTS ${DATABASE}.rollup_hour
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
PARTITION BY toYYYYMM(t)
ORDER BY (provider, cluster, target, vantage, kind, connection, t)
TTL t + INTERVAL 3 YEAR
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

INSERT INTO ${DATABASE}.rollup_hour
  (t, provider, cluster, target, vantage, kind, connection, n, n_ok, n_degraded, n_failed, n_not_observed, reasons,
   ttft_hist, total_hist, ver)
SELECT t, provider, cluster, target, vantage, kind, '', n, n_ok, n_degraded, n_failed, n_not_observed, reasons,
       ttft_hist, total_hist, ver
FROM ${DATABASE}.rollup_1h FINAL
WHERE (SELECT count() FROM ${DATABASE}.observations) = 0
   OR t < (SELECT toStartOfHour(min(tick)) FROM ${DATABASE}.observations);
