-- Log records of a span of time that fit a filter, newest first. An empty value fits everything; a record without a
-- severity counts as INFO. Ordered by the table's own key as far as it goes, so that the newest are found without a sort.
WITH
    if(SeverityNumber = 0, 9, SeverityNumber) AS Severity,
    cityHash64(TraceId, SpanId, EventName, Body, mapValues(LogAttributes)) AS Id
SELECT
    toUnixTimestamp64Nano(Timestamp) AS TimeNs, Id, Severity, ServiceName, PipelineName, StepName, RunId, SpanId, EventName,
    Body, LogAttributes
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({to_ns:Int64})
    AND (toUnixTimestamp64Nano(Timestamp) < {to_ns:Int64} OR Id < {to_id:UInt64})
    AND (empty({levels:Array(UInt8)}) OR has({levels:Array(UInt8)}, intDiv(Severity - 1, 4)))
    AND ({pipeline:String} = '' OR PipelineName = {pipeline:String})
    AND ({run:String} = '' OR RunId = {run:String})
    AND ({step:String} = '' OR StepName = {step:String})
    AND (
        {text:String} = ''
        OR positionCaseInsensitiveUTF8(Body, {text:String}) > 0
        OR arrayExists(value -> positionCaseInsensitiveUTF8(value, {text:String}) > 0, mapValues(LogAttributes))
    )
    AND ({pattern:String} = '' OR match(Body, {pattern:String}))
ORDER BY toStartOfFiveMinutes(Timestamp) DESC, Timestamp DESC, Id DESC
LIMIT {limit:UInt32}
