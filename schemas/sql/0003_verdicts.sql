-- Verdicts as they were given: body is the canonical JSON, compared byte for byte by `touchstone judge --at`.
CREATE TABLE IF NOT EXISTS ${DATABASE}.verdicts
(
    at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider     LowCardinality(String),
    tier         LowCardinality(String),
    previous     LowCardinality(String),
    reasons      Array(LowCardinality(String)) CODEC(ZSTD(1)),
    policy       LowCardinality(String),
    rule_version UInt16 CODEC(ZSTD(1)),
    body         String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (provider, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
