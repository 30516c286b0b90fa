-- Groups of errors of a range, those with the newest error first, each with counts by interval. An empty value fits all.
SELECT
    *,
    quarterdeck_error_category(Type, lowerUTF8(concat(Type, ' ', Example)), Status, Work) AS Category
FROM (
    SELECT
        toString(e.Fingerprint) AS Id,
        any(e.ErrorType) AS Type,
        argMax(e.Message, e.Timestamp) AS Example,
        any(e.HttpStatus) AS Status,
        any(e.Operation) AS Work,
        any(e.UserFrame) AS Frame,
        count() AS Errors,
        uniqExact(e.RunId) AS Runs,
        toUnixTimestamp64Nano(min(e.Timestamp)) AS FirstNs,
        toUnixTimestamp64Nano(max(e.Timestamp)) AS LastNs,
        arraySort(groupUniqArray(20)(toString(e.StepName))) AS Steps,
        arraySort(groupUniqArray(1000)(e.RunId)) AS RunIds,
        sumMap([toUInt16(intDiv(toUnixTimestamp64Nano(e.Timestamp) - {since:Int64}, {bucket:Int64}))], [toUInt64(1)]) AS Counts
    FROM errors AS e
    WHERE e.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
        AND e.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC'))
        AND e.Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND e.Timestamp < fromUnixTimestamp64Nano({until:Int64})
        AND ({group:String} = '' OR e.Fingerprint = toUInt64OrZero({group:String}))
        AND ({environment:String} = '' OR e.Environment = {environment:String})
        AND ({service:String} = '' OR e.ServiceName = {service:String})
    GROUP BY Id
    ORDER BY LastNs DESC
    LIMIT {limit:UInt32}
)
ORDER BY LastNs DESC
