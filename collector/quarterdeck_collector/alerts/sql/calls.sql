-- Sums of model calls in windows, one row per window that has any: K is the number of the window, which ends at
-- {first} + K * {every} seconds since the epoch. A minute (or hour) belongs to a window that it overlaps. A window of a
-- calendar period begins with it, in UTC.
SELECT
    K,
    sum(c.Calls) AS Calls, sum(c.Errors) AS Errors, Errors / Calls AS ErrorRate,
    sum(c.Cost) AS Cost,
    sum(c.InputTokens) AS InputTokens, sum(c.OutputTokens) AS OutputTokens, InputTokens + OutputTokens AS Tokens,
    if(InputTokens = 0, NULL, sum(c.CacheReadTokens) / InputTokens) AS CacheShare,
    if(sum(c.Priced) = 0, NULL, Cost / sum(c.Priced)) AS CallCost,
    sum(c.Duration) / 1e9 / Calls AS MeanSeconds
FROM (
    SELECT
        toInt64(toUnixTimestamp(m.Time)) AS Begin,
        multiIf(
            {period:String} = 'day', toInt64(toUnixTimestamp(addDays(toStartOfDay(m.Time, 'UTC'), 1))),
            {period:String} = 'month', toInt64(toUnixTimestamp(toStartOfDay(addMonths(toStartOfMonth(m.Time, 'UTC'), 1), 'UTC'))),
            Begin + {grain:Int64} + {window:Int64}
        ) AS End,
        sum(m.Calls) AS Calls, sum(m.Errors) AS Errors, sum(m.Cost) AS Cost,
        sum(m.InputTokens) AS InputTokens, sum(m.OutputTokens) AS OutputTokens,
        sum(m.CacheReadTokens) AS CacheReadTokens, sum(m.Calls - m.UnpricedCalls) AS Priced, sum(m.Duration) AS Duration
    FROM ${db}.${sums} AS m
    WHERE m.Time >= toDateTime({since:Int64}) AND m.Time <= toDateTime({until:Int64})
        AND ({pipeline:String} = '' OR m.PipelineName = {pipeline:String})
        AND ({step:String} = '' OR m.StepName = {step:String})
        AND ({provider:String} = '' OR m.Provider = {provider:String})
        AND ({model:String} = '' OR m.Model = {model:String})
        AND ({service:String} = '' OR m.ServiceName = {service:String})
        AND ({environment:String} = '' OR m.Environment = {environment:String})
    GROUP BY m.Time
) AS c
ARRAY JOIN ${windows} AS K
GROUP BY K
ORDER BY K
