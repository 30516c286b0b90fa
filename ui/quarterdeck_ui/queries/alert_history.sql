-- What alerts have told, newest first, and what became of it in each channel.
SELECT
    e.Id AS Id, e.RuleId AS RuleId, e.Name AS Name, e.Severity AS Severity, e.What AS What, e.Title AS Title,
    toUnixTimestamp64Milli(e.At) / 1000 AS At, e.Value AS Value, e.IsMuted AS IsMuted, e.Reason AS Reason,
    JSONExtractString(e.Message, 'unit') AS Unit, JSONExtractString(e.Message, 'text') AS Text, e.Channels AS Channels,
    d.Outcomes AS Outcomes
FROM (
    SELECT * FROM alert_events FINAL
    WHERE At > fromUnixTimestamp64Milli({since:Int64}) AND ({rule:String} = '' OR RuleId = {rule:String})
    ORDER BY At DESC, Id DESC
    LIMIT {limit:UInt32}
) AS e
LEFT JOIN (
    SELECT EventId, groupArray((Channel, toString(Status), Attempts, Reason)) AS Outcomes
    FROM alert_deliveries FINAL
    GROUP BY EventId
) AS d ON d.EventId = e.Id
ORDER BY At DESC, Id DESC
