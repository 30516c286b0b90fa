-- Names of attributes that may serve as tags: those of users, which the newest spans of a range carry.
SELECT Name, count() AS Times
FROM (
    SELECT arrayJoin(arrayConcat(mapKeys(SpanAttributes), mapKeys(ResourceAttributes))) AS Name
    FROM otel_traces
    WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
)
WHERE NOT match(Name, '^(gen_ai|quarterdeck|telemetry|process|llm|ai|http|url|server|network|error|exception|otel|code|thread|traceloop|openinference|input|output)[.]')
GROUP BY Name
ORDER BY Times DESC, Name
LIMIT {limit:UInt32}
