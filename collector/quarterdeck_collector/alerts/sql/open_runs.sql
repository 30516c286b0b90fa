-- Runs that tell of themselves while they run: open for longer than the window, without progress for the window, and lost
-- within the window, at the times {first} + K * {every}. A run is lost when its heartbeats stop, although nobody said that
-- it ended. Whoever pauses a run knows that it does nothing.
SELECT
    K,
    uniqExactIf(RunId, Kind = 'long') AS Long,
    uniqExactIf(RunId, Kind = 'stuck') AS Stuck,
    uniqExactIf(RunId, Kind = 'lost') AS Lost
FROM (
    SELECT
        RunId,
        arrayConcat(
            [('long', Began + {window:Int64}, Heard)],
            arrayMap((a, b) -> ('stuck', a + {window:Int64}, b), Froms, Untils),
            if(Over, [], [('lost', Heard, Heard + {window:Int64})])
        ) AS Found,
        arrayJoin(Found) AS One,
        One.1 AS Kind, One.2 AS Begin, One.3 AS End
    FROM (
        SELECT
            RunId,
            toUnixTimestamp64Nano(min(e.StartTime)) / 1e9 AS Began,
            maxIf(e.Position, e.EventName IN {ended:Array(String)}) > 0 AS Over,
            max(e.Position) / 1e9 + if(Over, 0, {grace:Int64}) AS Heard,
            arraySort(groupArrayIf(e.Position / 1e9, e.EventName != {heartbeat:String})) AS Moves,
            arrayPushFront(Moves, greatest(Began, toFloat64({since:Int64}))) AS Froms,
            arrayPushBack(Moves, Heard) AS Untils
        FROM ${db}.live_events AS e
        WHERE e.Position >= toUInt64({since:Int64}) * 1000000000 AND e.Position <= toUInt64({until:Int64}) * 1000000000
        GROUP BY RunId
        HAVING argMaxIf(e.Attributes['quarterdeck.run.status'], e.Position, e.EventName = {heartbeat:String}) IN ('running', 'waiting')
            AND ({pipeline:String} = '' OR max(e.PipelineName) = {pipeline:String})
            AND ({service:String} = '' OR max(e.ServiceName) = {service:String})
    )
)
ARRAY JOIN ${windows} AS K
WHERE Kind != 'lost' OR (
    Begin <= {until:Int64} AND RunId GLOBAL NOT IN (
        SELECT RunId FROM ${db}.runs
        WHERE Day >= toDate(toDateTime({since:Int64}, 'UTC')) - 1 AND RootSeen = 1 AND End > toDateTime64({since:Int64}, 9)
    )
)
GROUP BY K
ORDER BY K
