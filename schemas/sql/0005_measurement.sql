-- How an observation was measured, what a kind measures beside time, and the span that tells passive ones apart.
ALTER TABLE ${DATABASE}.observations
    ADD COLUMN IF NOT EXISTS reasoning_ms  Nullable(Float32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS stream_end_ms Nullable(Float32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS chunk_gap_ms  Nullable(Float32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS token_gap_ms  Nullable(Float32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS reads         UInt32 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS merged_reads  UInt32 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS clock_step_ms Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS late_ms       Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS distrust      LowCardinality(String),
    ADD COLUMN IF NOT EXISTS figures       Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS span          String CODEC(ZSTD(1));
