-- Prompt, response and other bulky values of one span.
WITH (SELECT (toStartOfHour(min(Start)), toStartOfHour(max(End))) FROM runs WHERE RunId = {run:String}) AS hours
SELECT
    Payload, StatusMessage, ErrorType,
    (
        SELECT any(FinishReason) FROM model_calls
        WHERE RunId = {run:String} AND SpanId = {span:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
    ) AS FinishReason,
    mapFilter((k, v) -> startsWith(k, 'gen_ai.') OR startsWith(k, 'quarterdeck.'), SpanAttributes) AS Attributes
FROM otel_traces
WHERE RunId = {run:String} AND SpanId = {span:String} AND toStartOfHour(Timestamp) BETWEEN hours.1 AND hours.2
LIMIT 1
