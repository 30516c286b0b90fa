-- The newest errors of a group, newest first; where one span is named, that one alone.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS AtNs, RunId, SpanId, StepId, StepName, PipelineName, Message
FROM errors
WHERE Fingerprint = toUInt64OrZero({group:String}) AND ({span:String} = '' OR SpanId = {span:String})
ORDER BY Timestamp DESC
LIMIT {limit:UInt32}
