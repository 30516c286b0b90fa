-- What is running now: one row per live event, written by the collector the moment it arrives, kept for a day.
-- Position grows with every event of one collector (nanoseconds at arrival).

CREATE TABLE IF NOT EXISTS ${db}.live_events${L} ${on_cluster} (
    Position UInt64 CODEC(Delta(8), ZSTD(1)),
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    EventName LowCardinality(String),
    RunId String CODEC(ZSTD(1)),
    PipelineName LowCardinality(String),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    SpanName String CODEC(ZSTD(1)),
    StartTime DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    StepId String CODEC(ZSTD(1)),
    StepName LowCardinality(String),
    ServiceName LowCardinality(String),
    Sequence UInt64 CODEC(T64, ZSTD(1)),
    Text String CODEC(ZSTD(1)),
    StandIn UInt8,
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX idx_run_id RunId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ${R}MergeTree
PARTITION BY toDate(toDateTime(intDiv(Position, 1000000000)))
ORDER BY Position
TTL toDateTime(intDiv(Position, 1000000000)) + INTERVAL 1 DAY
-- Small inserts, several a second: merged ten at a time instead of every few.
SETTINGS index_granularity = 1024, min_parts_to_merge_at_once = 10, ttl_only_drop_parts = 1, replicated_deduplication_window = 0;
