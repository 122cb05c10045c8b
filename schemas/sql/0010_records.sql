-- Records that are kept for ever: what was promised, what was configured, and the samples that integrity checks stand on.
CREATE TABLE IF NOT EXISTS ${DATABASE}.contracts
(
    provider   LowCardinality(String),
    digest     String CODEC(ZSTD(1)),
    valid_from DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    at         DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    body       String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (provider, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.configuration_versions
(
    digest  String CODEC(ZSTD(1)),
    at      DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    version LowCardinality(String),
    body    String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (at, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.integrity_samples
(
    tick     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider LowCardinality(String),
    cluster  LowCardinality(String),
    target   LowCardinality(String),
    vantage  LowCardinality(String),
    name     LowCardinality(String),
    sample   LowCardinality(String),
    value    Float64 CODEC(ZSTD(1)),
    text     String CODEC(ZSTD(3)),
    at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(at)
PARTITION BY toYYYYMM(tick)
ORDER BY (provider, cluster, target, name, vantage, tick, sample)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
