SELECT
    ServiceName,
    countIf(SpanKind IN ('Server', 'Consumer')) as served,
    countIf(SpanKind IN ('Client', 'Producer')) as asked,
    countIf(StatusCode = 'Error') / count() as failed
FROM quarterdeck.otel_traces
WHERE ServiceName LIKE 'js-%' AND ServiceName NOT LIKE 'js-live-%'
GROUP BY ServiceName
ORDER BY ServiceName
