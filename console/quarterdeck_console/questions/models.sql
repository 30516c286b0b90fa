-- Models compared: errors, latency and time to first chunk (seconds), tokens, cost.
-- since = 7d      from when on (whole minutes)
-- until = now     up to when
-- pipeline =      only of this pipeline
SELECT
    m.Provider AS provider,
    m.Model AS model,
    sum(m.Calls) AS calls,
    round(sum(m.Errors) / calls, 4) AS error_rate,
    round(quantilesBFloat16Merge(0.5, 0.95, 0.99)(m.DurationQuantiles)[1], 3) AS latency_p50,
    round(quantilesBFloat16Merge(0.5, 0.95, 0.99)(m.DurationQuantiles)[2], 3) AS latency_p95,
    round(quantilesBFloat16Merge(0.5, 0.95, 0.99)(m.FirstChunkQuantiles)[1], 3) AS first_chunk_p50,
    sum(m.InputTokens) AS tokens_in,
    sum(m.OutputTokens) AS tokens_out,
    round(tokens_out / (sum(m.Duration) / 1e9), 1) AS tokens_out_per_second,
    round(sum(m.Cost), 6) AS cost_usd,
    sum(m.UnpricedCalls) AS unpriced_calls
FROM llm_1m AS m
WHERE m.Time >= toStartOfMinute(fromUnixTimestamp64Nano({since:Int64}))
    AND m.Time <= fromUnixTimestamp64Nano({until:Int64})
    AND ({pipeline:String} = '' OR m.PipelineName = {pipeline:String})
GROUP BY provider, model
ORDER BY cost_usd DESC, calls DESC, model
