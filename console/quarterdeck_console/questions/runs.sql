-- Runs, newest first: how they ended, what they used and what they cost.
-- shows: run, pipeline, status, started, seconds, error, calls, tokens_in, tokens_out, cost_usd
-- since = 24h     from when on
-- until = now     up to when
-- pipeline =      only this pipeline
-- status =        only with one of these, with commas between: running, paused, waiting, completed, failed, cancelled, lost
-- text =          only with this in the id, pipeline, version, error, service or models
-- run =           only this run
-- limit = 50      how many
-- after =         only behind the run of this id, of which "until" is the start
SELECT
    RunId AS run,
    max(Pipeline) AS pipeline,
    max(Version) AS version,
    multiIf(
        max(Ended), max(EndStatus),
        max(Position) = 0, if(max(Last) > now64(9) - toIntervalMinute(5), 'running', 'lost'),
        argMax(LiveStatus, Position) IN ('running', 'waiting') AND max(Position) < toUnixTimestamp64Nano(now64(9)) - 8000000000, 'lost',
        argMax(LiveStatus, Position)
    ) AS status,
    toDateTime64(min(First), 3, 'UTC') AS started,
    round((toUnixTimestamp64Nano(max(Last)) - toUnixTimestamp64Nano(min(First))) / 1e9, 3) AS seconds,
    max(Error) AS error,
    max(Message) AS message,
    sum(Failed) AS error_spans,
    sum(Calls) AS calls,
    sum(TokensIn) AS tokens_in,
    sum(TokensOut) AS tokens_out,
    round(sum(Usd), 6) AS cost_usd,
    sum(Unpriced) AS unpriced_calls,
    arraySort(groupUniqArrayArray(Used)) AS models,
    max(Service) AS service,
    max(Place) AS environment,
    toUnixTimestamp64Nano(min(First)) AS started_ns
FROM (
    SELECT
        RunId, r.PipelineName AS Pipeline, r.PipelineVersion AS Version, r.RootSeen AS Ended, toString(r.Status) AS EndStatus,
        toUInt64(0) AS Position, '' AS LiveStatus, r.Start AS First, r.End AS Last, r.ErrorType AS Error, r.StatusMessage AS Message,
        r.Errors AS Failed, r.ModelCalls AS Calls, r.InputTokens AS TokensIn, r.OutputTokens AS TokensOut, r.Cost AS Usd,
        r.UnpricedCalls AS Unpriced, r.Models AS Used, r.ServiceName AS Service, r.Environment AS Place
    FROM runs AS r
    WHERE r.Day >= toDate(fromUnixTimestamp64Nano({since:Int64}, 'UTC')) - 1
        AND r.Day <= toDate(fromUnixTimestamp64Nano({until:Int64}, 'UTC')) + 1
        AND ({run:String} = '' OR r.RunId = {run:String})

    UNION ALL

    -- Also runs of which no span has ended yet. A heartbeat of a moment ago is as good as all before it.
    SELECT
        RunId, PipelineName, Attributes['quarterdeck.pipeline.version'], 0, '',
        Position, Attributes['quarterdeck.run.status'], StartTime, Timestamp, '', '',
        0, 0, 0, 0, 0., 0, [], ServiceName, ''
    FROM live_events
    WHERE Position >= {since:Int64}
        AND ({run:String} = '' OR RunId = {run:String})
        AND (
            EventName IN ('quarterdeck.pipeline.started', 'quarterdeck.pipeline.completed', 'quarterdeck.pipeline.error')
            OR (EventName = 'quarterdeck.heartbeat' AND Position >= toUnixTimestamp64Nano(now64(9) - toIntervalMinute(1)))
        )
)
GROUP BY RunId
HAVING started_ns >= {since:Int64}
    AND (started_ns < {until:Int64} OR (started_ns = {until:Int64} AND RunId > {after:String}))
    AND (pipeline != '' OR calls > 0)
    AND ({pipeline:String} = '' OR pipeline = {pipeline:String})
    AND ({status:String} = '' OR has(splitByChar(',', {status:String}), status))
    AND (
        {text:String} = ''
        OR positionCaseInsensitiveUTF8(
            concat(run, ' ', pipeline, ' ', version, ' ', error, ' ', message, ' ', service, ' ', arrayStringConcat(models, ' ')),
            {text:String}
        ) > 0
    )
ORDER BY started_ns DESC, RunId
LIMIT {limit:UInt32}
