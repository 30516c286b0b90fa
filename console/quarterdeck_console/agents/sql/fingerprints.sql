-- What the model calls of a run were asked and answered, as hashes, in the order in which they began.
WITH (SELECT (toStartOfHour(min(Start)), toStartOfHour(max(End))) FROM runs WHERE RunId = {run:String}) AS hours
SELECT SpanId AS span, StepName AS step, cityHash64(PromptText) AS prompt, cityHash64(ResponseText) AS answer
FROM otel_traces
WHERE RunId = {run:String} AND IsModelCall AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
ORDER BY Timestamp, SpanId
LIMIT 2000
