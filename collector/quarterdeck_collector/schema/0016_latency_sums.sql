-- Latency of model calls by hour, of a service and environment only: to merge the quantiles of each pipeline, step and model of
-- llm_1h takes a chart of ten days about ten times as long. The view adds to the fixed cost of every insert.
CREATE TABLE IF NOT EXISTS ${db}.latency_1h${L} ${on_cluster} (
    Time DateTime,
    ServiceName LowCardinality(String),
    Environment LowCardinality(String),
    Calls SimpleAggregateFunction(sum, UInt64),
    DurationQuantiles AggregateFunction(quantilesBFloat16(0.5, 0.95, 0.99), Float64), -- seconds
    FirstChunkQuantiles AggregateFunction(quantilesBFloat16(0.5, 0.95, 0.99), Float64) -- seconds
) ENGINE = ${R}AggregatingMergeTree
PARTITION BY toDate(Time)
ORDER BY (Time, ServiceName, Environment)
SETTINGS index_granularity = 1024, ${once};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.latency_1h_mv ${on_cluster} TO ${db}.latency_1h${L} AS
SELECT ${latency_sums}
FROM ${db}.llm_1h${L} AS h
GROUP BY Time, ServiceName, Environment;
