-- Of a sample that was taken in twice the first counts, as of an observation: what was judged by is what is judged by again.
-- n is the number of a sample within its observation, so that two of one item are two. No earlier version writes the table.
DROP TABLE IF EXISTS ${DATABASE}.integrity_samples;

CREATE TABLE IF NOT EXISTS ${DATABASE}.integrity_samples
(
    tick     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider LowCardinality(String),
    cluster  LowCardinality(String),
    target   LowCardinality(String),
    vantage  LowCardinality(String),
    name     LowCardinality(String),
    sample   String CODEC(ZSTD(1)),
    n        UInt16 CODEC(T64, ZSTD(1)),
    value    Float64 CODEC(ZSTD(1)),
    text     String CODEC(ZSTD(3)),
    at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ver      UInt64 DEFAULT toUInt64(9000000000000 - toUnixTimestamp64Milli(at)) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(tick)
ORDER BY (provider, cluster, target, name, vantage, tick, sample, n)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
