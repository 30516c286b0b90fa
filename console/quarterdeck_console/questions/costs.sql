-- What model calls used and cost, the dearest first.
-- since = 7d        from when on (whole minutes)
-- until = now       up to when
-- by = pipeline     pipeline | step | model | provider | service | environment | day | hour, or several with commas between
-- pipeline =        only of this pipeline
-- limit = 50        how many
-- offset = 0        how many to leave out before
SELECT
    arrayMap(
        word -> multiIf(
            word = 'pipeline', toString(m.PipelineName),
            word = 'step', toString(m.StepName),
            word = 'model', toString(m.Model),
            word = 'provider', toString(m.Provider),
            word = 'service', toString(m.ServiceName),
            word = 'environment', toString(m.Environment),
            word = 'day', toString(toDate(m.Time, 'UTC')),
            formatDateTime(m.Time, '%Y-%m-%d %H:00', 'UTC')
        ),
        {by:Array(String)}
    ) AS what,
    sum(m.Calls) AS calls,
    sum(m.Errors) AS failed_calls,
    sum(m.InputTokens) AS tokens_in,
    sum(m.CacheReadTokens) AS tokens_from_cache,
    sum(m.OutputTokens) AS tokens_out,
    round(sum(m.Cost), 6) AS cost_usd,
    sum(m.UnpricedCalls) AS unpriced_calls
FROM llm_1m AS m
WHERE m.Time >= toStartOfMinute(fromUnixTimestamp64Nano({since:Int64}))
    AND m.Time <= fromUnixTimestamp64Nano({until:Int64})
    AND ({pipeline:String} = '' OR m.PipelineName = {pipeline:String})
GROUP BY what
ORDER BY cost_usd DESC, tokens_in DESC, what
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
