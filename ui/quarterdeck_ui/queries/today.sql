-- What the model calls that began today (UTC) have used so far, by environment and service, from the sums by minute.
SELECT
    m.Environment AS Environment,
    m.ServiceName AS Service,
    sum(m.InputTokens) + sum(m.OutputTokens) AS Tokens,
    sum(m.Cost) AS CostUsd,
    sum(m.Calls) AS Calls,
    sum(m.UnpricedCalls) AS Unpriced
FROM llm_1m AS m
WHERE m.Time >= toStartOfDay(now('UTC'))
GROUP BY Environment, Service
