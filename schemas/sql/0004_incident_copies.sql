-- Copies for reading; the truth is the transactional store.
CREATE TABLE IF NOT EXISTS ${DATABASE}.incident_transitions
(
    incident  String CODEC(ZSTD(1)),
    seq       UInt32 CODEC(ZSTD(1)),
    change    LowCardinality(String),
    state     LowCardinality(String),
    severity  LowCardinality(String),
    level     LowCardinality(String),
    scope     LowCardinality(String),
    provider  LowCardinality(String),
    reason    LowCardinality(String),
    cause     String CODEC(ZSTD(3)),
    parent    String CODEC(ZSTD(1)),
    failed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    opened_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    at        DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    simulated Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(failed_at)
ORDER BY (incident, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.page_attempts
(
    incident     String CODEC(ZSTD(1)),
    seq          UInt32 CODEC(ZSTD(1)),
    destination  LowCardinality(String),
    attempt      UInt32 CODEC(ZSTD(1)),
    provider     LowCardinality(String),
    severity     LowCardinality(String),
    change       LowCardinality(String),
    state        LowCardinality(String),
    status       UInt16 CODEC(ZSTD(1)),
    error        String CODEC(ZSTD(3)),
    failed_at    DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (incident, seq, destination, attempt)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ${DATABASE}.history_loads
(
    id          String,
    rows_total  UInt64,
    rows_done   UInt64,
    finished    Bool,
    at          DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
