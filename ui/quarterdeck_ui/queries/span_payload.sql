-- Prompt, response and other bulky values of one span.
SELECT
    Payload, StatusMessage, ErrorType,
    (SELECT any(FinishReason) FROM model_calls WHERE RunId = {run:String} AND SpanId = {span:String}) AS FinishReason,
    mapFilter((k, v) -> startsWith(k, 'gen_ai.') OR startsWith(k, 'quarterdeck.'), SpanAttributes) AS Attributes
FROM otel_traces
WHERE RunId = {run:String} AND SpanId = {span:String}
LIMIT 1
