-- The group of the error that a span of a run, or some span inside it, told of; without a span, or without one there, of the
-- run's last error.
SELECT toString(Fingerprint) AS Id, SpanId
FROM errors
WHERE RunId = {run:String}
ORDER BY SpanId = {span:String} DESC, StepId = {span:String} DESC, ParentSpanId = {span:String} DESC, Timestamp DESC
LIMIT 1
