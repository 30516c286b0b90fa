-- When groups of errors were seen first and last, of all time.
SELECT
    toString(e.Fingerprint) AS Id,
    toUnixTimestamp64Nano(min(e.Timestamp)) AS FirstNs,
    toUnixTimestamp64Nano(max(e.Timestamp)) AS LastNs
FROM errors AS e
WHERE e.Fingerprint IN {groups:Array(UInt64)}
GROUP BY Id
