-- Live events that a starting dashboard needs: of every run that was heard of since a time and has not said that it ended,
-- of the last minutes, and of the newest run, which says where to read on from. Of the heartbeats only the newest of each
-- run. The table is sorted by arrival: a run's events are looked for from when it can have begun, its age by its own
-- clock before it was heard of, and a minute more. GLOBAL matters on a cluster only.
WITH
    (SELECT max(Position) FROM live_events) AS newest,
    (
        SELECT (groupArray(RunId), min(First))
        FROM (
            SELECT
                RunId,
                toInt64(min(Position)) - greatest(0, max(toUnixTimestamp64Nano(Timestamp) - toUnixTimestamp64Nano(StartTime))) AS First
            FROM live_events
            WHERE Position >= least({heard:UInt64}, newest)
            GROUP BY RunId
            HAVING countIf(EventName IN {ended:Array(String)}) = 0
                OR max(Position) >= toUnixTimestamp64Nano(now64(9) - INTERVAL 5 MINUTE)
                OR max(Position) = newest
        )
    ) AS wanted
SELECT
    Position, toUnixTimestamp64Nano(Timestamp) AS TimestampNs, EventName, RunId, PipelineName, TraceId, SpanId,
    ParentSpanId, SpanName, toUnixTimestamp64Nano(StartTime) AS StartNs, StepId, StepName, ServiceName,
    Sequence, Text, StandIn, Attributes
FROM
(
    SELECT * FROM live_events
    WHERE Position >= greatest(0, wanted.2 - 60000000000) AND RunId GLOBAL IN (SELECT arrayJoin(wanted.1))
    ORDER BY Position DESC
    LIMIT 1 BY RunId, if(EventName = {heartbeat:String}, 0, Position)
)
ORDER BY Position
