SELECT Timestamp as "timestamp", Body as "body", SeverityText as "level", LogAttributes as "labels", TraceId as "traceID"
FROM "quarterdeck"."otel_logs"
WHERE ( timestamp >= toDateTime64(1795499000, 3) AND timestamp <= toDateTime64(1795501000, 3) ) AND (body LIKE '%gauge%')
ORDER BY timestamp DESC, traceID
LIMIT 1000
