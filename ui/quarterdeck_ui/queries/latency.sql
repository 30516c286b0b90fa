-- Latency of model calls and their time to first chunk, seconds, by the time they ended:
-- one row per interval, and one over the whole window, which no arithmetic on the others can give.
SELECT
    toUnixTimestamp(toStartOfInterval(addNanoseconds(Timestamp, Duration), toIntervalSecond({bucket:UInt32}))) AS Bucket,
    grouping(Bucket) AS IsWhole,
    quantileExactInclusive(0.5)(Duration / 1e9) AS P50,
    quantileExactInclusive(0.95)(Duration / 1e9) AS P95,
    quantileExactInclusiveIf(0.5)(TimeToFirstChunk, TimeToFirstChunk > 0) AS FirstP50,
    quantileExactInclusiveIf(0.95)(TimeToFirstChunk, TimeToFirstChunk > 0) AS FirstP95
FROM model_calls
WHERE Timestamp > now64(9) - toIntervalSecond({window:UInt32}) - INTERVAL 1 HOUR
    AND addNanoseconds(Timestamp, Duration) > now64(9) - toIntervalSecond({window:UInt32})
GROUP BY GROUPING SETS ((Bucket), ())
ORDER BY IsWhole, Bucket
