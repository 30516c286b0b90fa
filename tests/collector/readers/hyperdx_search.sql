SELECT Timestamp, ServiceName as service, StatusCode as level, round(Duration / 1e6) as duration, SpanName
FROM quarterdeck.otel_traces
WHERE (Timestamp >= fromUnixTimestamp64Milli(1795499000000) AND Timestamp <= fromUnixTimestamp64Milli(1795501000000))
    AND (SpanAttributes['gen_ai.request.model'] ILIKE '%sonnet%')
ORDER BY Timestamp DESC, service
LIMIT 200 OFFSET 0
