-- What integrity checks found, and what it amounts to, as it was judged; and what providers replied.
-- at: the instant that was examined. known_at: from when on verdicts go by it, a little after it was stored.
CREATE TABLE IF NOT EXISTS ${DATABASE}.evidence
(
    at        DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider  LowCardinality(String),
    subject   LowCardinality(String),
    check     LowCardinality(String),
    family    LowCardinality(String),
    grade     LowCardinality(String),
    standing  LowCardinality(String),
    reason    LowCardinality(String),
    value     Nullable(Float64) CODEC(ZSTD(1)),
    threshold Nullable(Float64) CODEC(ZSTD(1)),
    unit      LowCardinality(String),
    low       Nullable(Float64) CODEC(ZSTD(1)),
    high      Nullable(Float64) CODEC(ZSTD(1)),
    n         UInt64 CODEC(ZSTD(1)),
    p         Nullable(Float64) CODEC(ZSTD(1)),
    e         Float64 CODEC(ZSTD(1)),
    days      UInt32 CODEC(ZSTD(1)),
    vantages  UInt32 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (provider, at, subject, check)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.suspicions
(
    at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider LowCardinality(String),
    stage    LowCardinality(String),
    route    LowCardinality(String),
    e        Float64 CODEC(ZSTD(1)),
    reached  Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    known_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    body     String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (provider, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.replies
(
    at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider LowCardinality(String),
    accepted Nullable(Bool),
    by       String CODEC(ZSTD(1)),
    said     String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (provider, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
