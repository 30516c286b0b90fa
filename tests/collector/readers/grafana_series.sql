SELECT toStartOfInterval(toDateTime(Timestamp), INTERVAL 300 second) as "time", ServiceName, count(*) as spans,
    quantile(0.95)(Duration) / 1e6 as p95
FROM "quarterdeck"."otel_traces"
WHERE ( Timestamp >= toDateTime(1795499000) AND Timestamp <= toDateTime(1795501000) ) AND ( SpanKind = 'Server' )
GROUP BY ServiceName, time
ORDER BY time ASC, ServiceName
LIMIT 1000
