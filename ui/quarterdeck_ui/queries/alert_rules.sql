-- Alert rules as they were saved, and how they stand.
SELECT
    s.Id AS Id, s.Body AS Body, s.Version AS Version,
    if(t.IsRemoved, '', toString(t.Status)) AS Status,
    toUnixTimestamp64Milli(t.Since) / 1000 AS Since,
    t.Value AS Value, t.Score AS Score, t.Detail AS Detail, t.Problem AS Problem,
    toUnixTimestamp64Milli(t.MutedUntil) / 1000 AS MutedUntil,
    toUnixTimestamp64Milli(t.Evaluated) / 1000 AS Evaluated,
    arrayMap(each -> each.2, t.Recent) AS Recent
FROM (SELECT Id, Body, Version FROM saved FINAL WHERE Kind = 'alert_rule' AND NOT IsDeleted) AS s
LEFT JOIN (SELECT * FROM alert_states FINAL) AS t ON t.RuleId = s.Id
ORDER BY s.Id
