-- Latency of model calls and their time to first chunk, seconds, of a long range, from the sums by minute or hour: one row
-- per interval, and one over the whole range. The sums keep every value to within half a percent; of the whole range, 21
-- quantiles say how it is distributed. Those of the whole are merged from those of the intervals, so that every state is
-- taken up once.
SELECT
    Bucket,
    grouping(Bucket) AS IsWhole,
    quantilesBFloat16Merge(0.5, 0.95, 0.99)(Durations) AS Took,
    quantilesBFloat16Merge(0.5, 0.95, 0.99)(FirstChunks) AS First,
    quantilesBFloat16Merge(0, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95, 1)(Durations) AS Spread,
    sum(Counted) AS Calls
FROM (
    SELECT
        toUnixTimestamp(toStartOfInterval(m.Time, toIntervalSecond({bucket:UInt32}))) AS Bucket,
        quantilesBFloat16MergeState(0.5, 0.95, 0.99)(m.DurationQuantiles) AS Durations,
        quantilesBFloat16MergeState(0.5, 0.95, 0.99)(m.FirstChunkQuantiles) AS FirstChunks,
        sum(m.Calls) AS Counted
    FROM {latencies:Identifier} AS m
    WHERE m.Time >= toStartOfInterval(fromUnixTimestamp64Nano({since:Int64}), toIntervalSecond({bucket:UInt32}))
        AND m.Time < fromUnixTimestamp64Nano({until:Int64})
        AND ({environment:String} = '' OR m.Environment = {environment:String})
        AND ({service:String} = '' OR m.ServiceName = {service:String})
    GROUP BY Bucket
)
GROUP BY GROUPING SETS ((Bucket), ())
ORDER BY IsWhole, Bucket
