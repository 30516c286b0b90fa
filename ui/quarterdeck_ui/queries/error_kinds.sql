-- What kinds of errors the calls of a provider failed with, the most frequent first.
SELECT ErrorType AS Kind, count() AS Failed
FROM model_calls
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND IsError AND Provider = {provider:String}
    AND ({environment:String} = '' OR Environment = {environment:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY Kind
ORDER BY Failed DESC, Kind
LIMIT {limit:UInt32}
