-- Live events that a starting dashboard needs: of every run that never said it ended, and of the last minutes.
-- Of the heartbeats only the newest of each run. Which runs is asked once, as a scalar, together with where their events
-- begin: the table is sorted by that. GLOBAL matters on a cluster only.
WITH (
    SELECT (groupArray(RunId), min(First))
    FROM (
        SELECT RunId, min(Position) AS First
        FROM live_events
        GROUP BY RunId
        HAVING countIf(EventName IN {ended:Array(String)}) = 0
            OR max(Timestamp) > now64(9) - INTERVAL 5 MINUTE
            OR max(Position) = (SELECT max(Position) FROM live_events) -- says where to read on from
    )
) AS wanted
SELECT
    Position, toUnixTimestamp64Nano(Timestamp) AS TimestampNs, EventName, RunId, PipelineName, TraceId, SpanId,
    ParentSpanId, SpanName, toUnixTimestamp64Nano(StartTime) AS StartNs, StepId, StepName, Sequence, Text, StandIn, Attributes
FROM
(
    SELECT * FROM live_events
    WHERE Position >= wanted.2 AND RunId GLOBAL IN (SELECT arrayJoin(wanted.1))
    ORDER BY Position DESC
    LIMIT 1 BY RunId, if(EventName = {heartbeat:String}, 0, Position)
)
ORDER BY Position
