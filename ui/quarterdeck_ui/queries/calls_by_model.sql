-- Model calls by the time they ended, per interval and model.
SELECT
    toUnixTimestamp(toStartOfInterval(addNanoseconds(Timestamp, Duration), toIntervalSecond({bucket:UInt32}))) AS Bucket,
    Model,
    count() AS Calls,
    sum(IsError) AS Errors,
    sum(InputTokens + OutputTokens) AS Tokens,
    sum(Cost) AS CostUsd
FROM model_calls
WHERE Timestamp > now64(9) - toIntervalSecond({window:UInt32}) - INTERVAL 1 HOUR
    AND addNanoseconds(Timestamp, Duration) > now64(9) - toIntervalSecond({window:UInt32})
GROUP BY Bucket, Model
ORDER BY Bucket, Model
