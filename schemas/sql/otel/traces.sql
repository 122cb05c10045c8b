-- The table that the OpenTelemetry Collector's ClickHouse exporter fills (create_schema: false): its columns by its names and
-- types, then two of ours that it does not name: the tick, and when the row came. TABLE is store.otel_traces.
CREATE TABLE IF NOT EXISTS ${DATABASE}.${TABLE}
(
    Timestamp          DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId            String CODEC(ZSTD(1)),
    SpanId             String CODEC(ZSTD(1)),
    ParentSpanId       String CODEC(ZSTD(1)),
    TraceState         String CODEC(ZSTD(1)),
    SpanName           LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind           LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName        LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName          String CODEC(ZSTD(1)),
    ScopeVersion       String CODEC(ZSTD(1)),
    SpanAttributes     Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration           UInt64 CODEC(ZSTD(1)),
    StatusCode         LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage      String CODEC(ZSTD(1)),
    Events Nested
    (
        Timestamp  DateTime64(9),
        Name       LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested
    (
        TraceId    String,
        SpanId     String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Tick       DateTime64(3, 'UTC') DEFAULT ${TICK} CODEC(DoubleDelta, ZSTD(1)),
    ReceivedAt DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_tick Tick TYPE minmax GRANULARITY 1,
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(ReceivedAt)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
TTL toDateTime(ReceivedAt) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000,
         fsync_after_insert = 1, fsync_part_directory = 1;

-- A table that the exporter made itself lacks them; its old rows count as received when they are read, and are reconciled.
ALTER TABLE ${DATABASE}.${TABLE}
    ADD COLUMN IF NOT EXISTS Tick       DateTime64(3, 'UTC') DEFAULT ${TICK} CODEC(DoubleDelta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ReceivedAt DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1));
