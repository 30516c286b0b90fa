-- Prompt, response and other bulky values of one span.
SELECT
    Payload, FinishReason, StatusMessage, ErrorType,
    mapFilter((k, v) -> startsWith(k, 'gen_ai.') OR startsWith(k, 'quarterdeck.'), SpanAttributes) AS Attributes
FROM otel_traces
WHERE RunId = {run:String} AND SpanId = {span:String}
LIMIT 1
