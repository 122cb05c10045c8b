-- Billing months by their contracts, as they were counted at an instant; the newest of a unit and month holds.
CREATE TABLE IF NOT EXISTS ${DATABASE}.statements
(
    at         DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    provider   LowCardinality(String),
    month      LowCardinality(String),
    commitment LowCardinality(String),
    unit       LowCardinality(String),
    promised   Float64 CODEC(ZSTD(1)),
    uptime     Nullable(Float64) CODEC(ZSTD(1)),
    credit     Nullable(Decimal(18, 2)) CODEC(ZSTD(1)),
    claim_by   Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    body       String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (provider, month, commitment, unit, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
