-- Groups of errors that were first seen in a window that ends at {first} + K * {every}, and the newest of them in words.
SELECT K, count() AS NewGroups, argMax(concat(g.Type, ': ', substring(g.Text, 1, 300)), g.Begin) AS Detail
FROM (
    SELECT
        e.Fingerprint,
        toUnixTimestamp64Nano(min(e.FirstSeen)) / 1e9 AS Begin,
        Begin + {window:Int64} AS End,
        any(e.ErrorType) AS Type,
        any(e.Message) AS Text
    FROM ${db}.error_groups AS e
    WHERE {pipeline:String} = '' OR e.PipelineName = {pipeline:String}
    GROUP BY e.Fingerprint
    HAVING Begin > {since:Int64} AND Begin <= {until:Int64}
) AS g
ARRAY JOIN ${windows} AS K
GROUP BY K
ORDER BY K
