-- Names of attributes that may serve as tags: those of users, which the newest spans of a range carry. Most spans carry
-- the same names, hence the grouping before they are taken apart.
SELECT arrayJoin(arrayConcat(OfSpan, OfResource)) AS Name, sum(Spans) AS Times
FROM (
    SELECT mapKeys(SpanAttributes) AS OfSpan, mapKeys(ResourceAttributes) AS OfResource, count() AS Spans
    FROM otel_traces
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    GROUP BY OfSpan, OfResource
)
WHERE NOT match(Name, '^(gen_ai|quarterdeck|telemetry|process|llm|ai|http|url|server|network|error|exception|otel|code|thread|traceloop|openinference|input|output)[.]')
GROUP BY Name
ORDER BY Times DESC, Name
LIMIT {limit:UInt32}
