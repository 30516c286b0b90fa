-- What alert rules can be limited to: names of the last two weeks, the most used first.
SELECT Kind, Name
FROM (
    SELECT arrayJoin([
        ('pipeline', toString(PipelineName)), ('step', toString(StepName)), ('provider', toString(Provider)),
        ('model', toString(Model)), ('service', toString(ServiceName)), ('environment', toString(Environment))
    ]) AS Pair, Pair.1 AS Kind, Pair.2 AS Name, sum(Called) AS Uses
    FROM (
        SELECT PipelineName, StepName, Provider, Model, ServiceName, Environment, sum(m.Calls) AS Called
        FROM llm_1h AS m
        WHERE m.Time > now() - INTERVAL 14 DAY
        GROUP BY PipelineName, StepName, Provider, Model, ServiceName, Environment
    )
    GROUP BY Pair
)
WHERE Name != ''
ORDER BY Kind, Uses DESC, Name
LIMIT 100 BY Kind
