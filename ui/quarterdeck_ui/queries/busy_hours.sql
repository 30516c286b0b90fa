-- Model calls by weekday (1: Monday) and hour of the day (UTC), from the sums by hour.
SELECT
    toDayOfWeek(m.Time, 0, 'UTC') AS Weekday,
    toHour(m.Time, 'UTC') AS Hour,
    sum(m.Calls) AS Calls,
    sum(m.Errors) AS Errors,
    sum(m.Cost) AS CostUsd
FROM llm_1h AS m
WHERE m.Time >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64})) AND m.Time < fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR m.Environment = {environment:String})
    AND ({service:String} = '' OR m.ServiceName = {service:String})
GROUP BY Weekday, Hour
ORDER BY Weekday, Hour
