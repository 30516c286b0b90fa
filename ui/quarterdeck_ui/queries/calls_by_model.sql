-- Model calls by the time they ended, per interval and model, of a short range: from the calls themselves.
SELECT
    toUnixTimestamp(toStartOfInterval(addNanoseconds(Timestamp, Duration), toIntervalSecond({bucket:UInt32}))) AS Bucket,
    Model,
    count() AS Calls,
    sum(IsError) AS Errors,
    sum(InputTokens) AS TokensIn,
    sum(OutputTokens) AS TokensOut,
    sum(Cost) AS CostUsd
FROM model_calls
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR)
    AND Timestamp > fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR
    AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND addNanoseconds(Timestamp, Duration) >= fromUnixTimestamp64Nano({since:Int64})
    AND addNanoseconds(Timestamp, Duration) < fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR Environment = {environment:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY Bucket, Model
ORDER BY Bucket, Model
