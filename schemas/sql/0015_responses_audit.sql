-- What people asked for, for ever; and how late a page was, and how long an attempt took, beside its copy.
CREATE TABLE IF NOT EXISTS ${DATABASE}.responses
(
    at        DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id        String CODEC(ZSTD(1)),
    what      LowCardinality(String),
    subject   String CODEC(ZSTD(1)),
    scope     String CODEC(ZSTD(1)),
    by        String CODEC(ZSTD(1)),
    via       LowCardinality(String),
    why       String CODEC(ZSTD(3)),
    refused   String CODEC(ZSTD(3)),
    simulated Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE ${DATABASE}.page_attempts
    ADD COLUMN IF NOT EXISTS late_s  Nullable(Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS took_ms Nullable(Float64) CODEC(ZSTD(1));
