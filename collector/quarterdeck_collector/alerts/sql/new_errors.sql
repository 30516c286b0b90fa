-- Groups of errors that came up in a window that ends at {first} + K * {every}, and the newest of them in words. A group comes
-- up at the end of the span that first had it, which may have begun up to a day before: looked up in its trace, of which
-- failed_spans knows enough without asking what is an echo.
SELECT K, count() AS NewGroups, argMax(concat(g.Type, ': ', substring(g.Text, 1, 300)), g.Begin) AS Detail
FROM (
    SELECT
        f.Type AS Type,
        f.Text AS Text,
        (toUnixTimestamp64Nano(f.First) + s.Took) / 1e9 AS Begin,
        Begin + {window:Int64} AS End
    FROM (
        SELECT
            min(e.Timestamp) AS First,
            argMin(e.SpanId, e.Timestamp) AS Span,
            any(e.ErrorType) AS Type,
            any(e.Message) AS Text
        FROM ${db}.errors AS e
        WHERE {pipeline:String} = '' OR e.PipelineName = {pipeline:String}
        GROUP BY e.Fingerprint
        HAVING First > toDateTime64({since:Int64} - 86400, 9) AND First <= toDateTime64({until:Int64}, 9)
    ) AS f
    GLOBAL ANY LEFT JOIN (
        SELECT t.SpanId AS Span, t.Duration AS Took
        FROM ${db}.otel_traces AS t
        WHERE (toStartOfHour(t.Timestamp), t.TraceId) GLOBAL IN (
            SELECT toStartOfHour(min(e.Timestamp)), argMin(e.TraceId, e.Timestamp)
            FROM ${db}.failed_spans AS e
            WHERE {pipeline:String} = '' OR e.PipelineName = {pipeline:String}
            GROUP BY e.Fingerprint
            HAVING min(e.Timestamp) > toDateTime64({since:Int64} - 86400, 9) AND min(e.Timestamp) <= toDateTime64({until:Int64}, 9)
        )
    ) AS s USING (Span)
    WHERE Begin > {since:Int64} AND Begin <= {until:Int64}
) AS g
ARRAY JOIN ${windows} AS K
GROUP BY K
ORDER BY K
