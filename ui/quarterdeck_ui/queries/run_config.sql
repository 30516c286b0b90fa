-- The configuration that a run had, in the hours of the run alone.
SELECT
    if(Payload['quarterdeck.pipeline.config'] != '', Payload['quarterdeck.pipeline.config'], SpanAttributes['quarterdeck.pipeline.config']) AS Config
FROM otel_traces
WHERE RunId = {run:String}
    AND toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 10 MINUTE)
    AND toStartOfHour(Timestamp) <= toStartOfHour(fromUnixTimestamp64Nano({until:Int64}) + INTERVAL 10 MINUTE)
    AND SpanAttributes['quarterdeck.run.status'] != ''
ORDER BY Timestamp
LIMIT 1
