-- Latency of model calls and their time to first chunk, seconds, by the time they ended: one row per interval, and one over
-- the whole range, which no arithmetic on the others can give. Its histogram has four steps to each doubling.
SELECT
    toUnixTimestamp(toStartOfInterval(addNanoseconds(Timestamp, Duration), toIntervalSecond({bucket:UInt32}))) AS Bucket,
    grouping(Bucket) AS IsWhole,
    quantilesExactInclusive(0.5, 0.95, 0.99)(Duration / 1e9) AS Took,
    quantilesExactInclusiveIf(0.5, 0.95, 0.99)(TimeToFirstChunk, TimeToFirstChunk > 0) AS First,
    sumMap(map(toInt16(floor(4 * log2(greatest(Duration, 1000000) / 1e9))), toUInt64(1))) AS Steps
FROM model_calls
WHERE toStartOfHour(Timestamp) >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR)
    AND Timestamp > fromUnixTimestamp64Nano({since:Int64}) - INTERVAL 1 HOUR
    AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND addNanoseconds(Timestamp, Duration) >= fromUnixTimestamp64Nano({since:Int64})
    AND addNanoseconds(Timestamp, Duration) < fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR Environment = {environment:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY GROUPING SETS ((Bucket), ())
ORDER BY IsWhole, Bucket
