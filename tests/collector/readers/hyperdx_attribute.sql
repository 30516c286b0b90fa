SELECT SpanName
FROM quarterdeck.otel_traces
WHERE (Timestamp >= fromUnixTimestamp64Milli(1795499000000) AND Timestamp <= fromUnixTimestamp64Milli(1795501000000))
    AND has(SpanAttributeItems, 'truth=true')
LIMIT 200
