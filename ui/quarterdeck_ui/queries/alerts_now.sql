-- What every screen is told of alerts: the rules that fire, and what was told to the dashboard in the last minutes.
SELECT
    0 AS IsNotice, RuleId AS Id, RuleId, Name, Severity, Status AS What, toUnixTimestamp64Milli(Since) / 1000 AS At,
    MutedUntil > now64(3) AS IsMuted, Detail AS Text
FROM alert_states FINAL
WHERE Status = 'firing' AND NOT IsRemoved

UNION ALL

SELECT
    1, e.Id, e.RuleId, e.Name, e.Severity, e.What, toUnixTimestamp64Milli(e.At) / 1000, 0,
    JSONExtractString(e.Message, 'text')
FROM alert_events AS e FINAL
WHERE e.At > now64(3) - INTERVAL 5 MINUTE AND has(e.Channels, 'dashboard') AND NOT e.IsMuted
LIMIT 200
