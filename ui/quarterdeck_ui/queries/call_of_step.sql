-- The nth model call of a step in a run, counted from 0; steps are compared by name, a call outside of any has none.
WITH (SELECT (toStartOfHour(min(Start)), toStartOfHour(max(End))) FROM runs WHERE RunId = {run:String}) AS hours
SELECT SpanId
FROM model_calls
WHERE RunId = {run:String} AND StepName = {step:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
ORDER BY Timestamp, SpanId
LIMIT 1 OFFSET {nth:UInt32}
