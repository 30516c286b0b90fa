-- Bulky values of the run's own span and of its steps, of the hours of the run alone.
SELECT SpanId, StepId = SpanId AS IsStep, Payload, SpanAttributes['quarterdeck.pipeline.config'] AS Config
FROM otel_traces
WHERE RunId = {run:String}
    AND toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 10 MINUTE)
    AND toStartOfHour(Timestamp) <= toStartOfHour(fromUnixTimestamp64Nano({until:Int64}) + INTERVAL 10 MINUTE)
    AND (StepId = SpanId OR SpanAttributes['quarterdeck.run.status'] != '')
ORDER BY Timestamp, SpanId
LIMIT {limit:UInt32}
