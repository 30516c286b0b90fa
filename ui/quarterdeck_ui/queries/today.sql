-- What all runs that started today (UTC) have used so far.
SELECT
    uniqExact(r.RunId) AS Runs,
    sum(r.InputTokens) + sum(r.OutputTokens) AS Tokens,
    sum(r.Cost) AS CostUsd,
    sum(r.ModelCalls) AS Calls,
    sum(r.UnpricedCalls) AS Unpriced
FROM runs AS r
WHERE r.Day = toDate(now('UTC'))
