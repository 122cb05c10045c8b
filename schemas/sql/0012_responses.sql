-- What an incident is about beside what is down, what people said of it, and the evidence as it stood at each transition.
ALTER TABLE ${DATABASE}.incident_transitions
    ADD COLUMN IF NOT EXISTS signal LowCardinality(String) DEFAULT 'hard_down' AFTER change,
    ADD COLUMN IF NOT EXISTS acknowledged_by String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS suppressed_by String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS flapping Bool,
    ADD COLUMN IF NOT EXISTS blind Bool,
    ADD COLUMN IF NOT EXISTS certainty String CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS affected Array(String) CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS affected_n UInt32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS watched_n UInt32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS observations Array(String) CODEC(ZSTD(3));
