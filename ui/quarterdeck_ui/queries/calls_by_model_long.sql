-- Model calls by the minute in which they began, per interval and model: of a long range, from the sums by minute or hour.
SELECT
    toUnixTimestamp(toStartOfInterval(m.Time, toIntervalSecond({bucket:UInt32}))) AS Bucket,
    m.Model AS Model,
    sum(m.Calls) AS Calls,
    sum(m.Errors) AS Errors,
    sum(m.InputTokens) AS TokensIn,
    sum(m.OutputTokens) AS TokensOut,
    sum(m.Cost) AS CostUsd
FROM {sums:Identifier} AS m
WHERE m.Time >= toStartOfInterval(fromUnixTimestamp64Nano({since:Int64}), toIntervalSecond({bucket:UInt32}))
    AND m.Time < fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR m.Environment = {environment:String})
    AND ({service:String} = '' OR m.ServiceName = {service:String})
GROUP BY Bucket, Model
ORDER BY Bucket, Model
