-- The newest live events of a run, other than heartbeats and pieces of answers.
SELECT
    toDateTime64(Timestamp, 3, 'UTC') AS time,
    replaceAll(substring(EventName, length('quarterdeck.') + 1), '.', ':') AS event,
    StepName AS step,
    SpanName AS name,
    Text AS text
FROM live_events
WHERE RunId = {run:String} AND EventName NOT IN ('quarterdeck.heartbeat', 'quarterdeck.response.streaming')
ORDER BY Position DESC
LIMIT {limit:UInt32}
