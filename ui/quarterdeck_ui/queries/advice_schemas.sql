-- Calls of steps that failed since the answer did not fit its schema, with what was paid for them, by step and model.
WITH failed AS (
    SELECT RunId, StepName, Fingerprint, ErrorType, Message, HttpStatus, Operation
    FROM failed_spans
    WHERE Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) AND Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC'))
        AND Timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
        AND ({environment:String} = '' OR Environment = {environment:String})
        AND ({service:String} = '' OR ServiceName = {service:String})
        AND StepName != ''
),
misfits AS (
    SELECT Fingerprint
    FROM (SELECT Fingerprint, any(ErrorType) AS Type, any(Message) AS Said, any(HttpStatus) AS Status, any(Operation) AS Of FROM failed GROUP BY Fingerprint)
    WHERE quarterdeck_error_category(Type, lowerUTF8(concat(Type, ' ', Said)), Status, Of) = 'invalid_output'
)
SELECT
    PipelineName, StepName, Model,
    count() AS Calls,
    sum(ifNull(c.Cost, 0)) AS Cost,
    argMax((c.RunId, c.SpanId), c.Timestamp) AS Call
FROM model_calls AS c
WHERE toStartOfHour(c.Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND c.Timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
    AND (c.RunId, c.StepName) GLOBAL IN (SELECT RunId, StepName FROM failed WHERE Fingerprint GLOBAL IN misfits)
GROUP BY PipelineName, StepName, Model
ORDER BY Calls DESC
LIMIT {limit:UInt32}
