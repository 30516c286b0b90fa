SELECT sum(r.Cost) AS usd, t.Tag AS tag
FROM runs AS r
INNER JOIN (
    SELECT RunId, max(firstNonDefault(SpanAttributes[$tag], ResourceAttributes[$tag])) AS Tag
    FROM otel_traces
    WHERE toStartOfHour(Timestamp) >= toStartOfHour({since:DateTime}) AND Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime}
        AND ($environment = '' OR Environment = $environment) AND ($service = '' OR ServiceName = $service)
    GROUP BY RunId
    HAVING Tag != ''
) AS t USING (RunId)
WHERE r.Day >= toDate({since:DateTime}) AND r.Start >= {since:DateTime} AND r.Start < {until:DateTime}
GROUP BY tag
ORDER BY usd DESC
LIMIT 1
