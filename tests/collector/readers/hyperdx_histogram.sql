SELECT count() as number, SeverityText as "group", toStartOfInterval(toDateTime(Timestamp), INTERVAL 1 minute) as bucket
FROM quarterdeck.otel_logs
WHERE (Timestamp >= fromUnixTimestamp64Milli(1795499000000) AND Timestamp <= fromUnixTimestamp64Milli(1795501000000))
GROUP BY SeverityText, bucket
ORDER BY bucket
