-- Hours in which several calls of a provider failed, from the sums by hour.
SELECT
    toUnixTimestamp(m.Time) AS Hour,
    m.Provider AS ProviderName,
    sum(m.Calls) AS Calls,
    sum(m.Errors) AS Failed
FROM llm_1h AS m
WHERE m.Time >= toStartOfHour(fromUnixTimestamp64Nano({since:Int64})) AND m.Time < fromUnixTimestamp64Nano({until:Int64})
    AND ({environment:String} = '' OR m.Environment = {environment:String})
    AND ({service:String} = '' OR m.ServiceName = {service:String})
GROUP BY Hour, ProviderName
HAVING Failed >= 5
ORDER BY Failed DESC, Hour, ProviderName
LIMIT {limit:UInt32}
