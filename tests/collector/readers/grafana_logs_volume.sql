SELECT
    toStartOfInterval("Timestamp", INTERVAL 60 SECOND) as time,
    sum(toString("SeverityText") IN ('warn', 'WARN', 'warning', 'WARNING')) as warn,
    sum(toString("SeverityText") IN ('error', 'ERROR', 'err', 'ERR')) as error
FROM "quarterdeck"."otel_logs"
WHERE ( Timestamp >= toDateTime64(1795499000, 3) AND Timestamp <= toDateTime64(1795501000, 3) )
GROUP BY time
ORDER BY time ASC
