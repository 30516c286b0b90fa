-- Log records, newest first.
-- since = 1h      from when on
-- until = now     up to when
-- level = trace   trace | debug | info | warn | error | fatal: the least severity
-- run =           only of this run
-- pipeline =      only of this pipeline
-- text =          only with this in the message
-- limit = 100     how many
WITH if(SeverityNumber = 0, 9, SeverityNumber) AS Severity
SELECT
    toDateTime64(Timestamp, 3, 'UTC') AS time,
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'][intDiv(Severity - 1, 4) + 1] AS level,
    PipelineName AS pipeline,
    StepName AS step,
    RunId AS run,
    Body AS message
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({since:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({until:Int64})
    AND intDiv(Severity - 1, 4) >= indexOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], lower({level:String})) - 1
    AND ({run:String} = '' OR RunId = {run:String})
    AND ({pipeline:String} = '' OR PipelineName = {pipeline:String})
    AND ({text:String} = '' OR positionCaseInsensitiveUTF8(Body, {text:String}) > 0)
ORDER BY toStartOfFiveMinutes(otel_logs.Timestamp) DESC, otel_logs.Timestamp DESC
LIMIT {limit:UInt32}
