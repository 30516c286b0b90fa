-- When the oldest log record was written, nanoseconds; no row without records. ClickHouse knows it of each part.
SELECT toUnixTimestamp64Nano(min(Timestamp)) AS OldestNs FROM otel_logs HAVING count() > 0
