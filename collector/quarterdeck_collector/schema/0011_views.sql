-- Tables to read by hand. On a cluster GLOBAL asks all nodes for the inner table once; alone it means nothing.

CREATE VIEW IF NOT EXISTS ${db}.pipeline_executions ${on_cluster} AS
SELECT
    finished.id AS id,
    finished.pipeline_name AS pipeline_name,
    roots.config AS config,
    finished.started_at AS started_at,
    finished.completed_at AS completed_at,
    finished.status AS status,
    finished.total_tokens AS total_tokens,
    finished.total_cost AS total_cost,
    roots.results AS results
FROM (
    SELECT
        id,
        max(name) AS pipeline_name,
        min(started) AS started_at,
        max(ended) AS completed_at,
        -- Spans tell how a run ended; until then its heartbeats tell how it is, and that it is no more. A run without
        -- heartbeats may be silent for as long as its longest span takes.
        multiIf(
            completed_at IS NOT NULL, max(how),
            max(heard) = 0, if(max(seen) > now64(9) - toIntervalMinute(5), 'running', 'lost'),
            max(state) IN ('running', 'waiting') AND max(heard) < toUnixTimestamp64Nano(now64(9)) - 8000000000, 'lost',
            max(state)
        ) AS status,
        sum(tokens) AS total_tokens,
        sum(cost) AS total_cost
    FROM (
        SELECT
            RunId AS id,
            if(max(r.PipelineName) != '', toString(max(r.PipelineName)), max(r.RootName)) AS name,
            min(r.Start) AS started,
            if(max(r.RootSeen) = 1, max(r.End), NULL) AS ended,
            toString(max(r.Status)) AS how,
            sum(r.InputTokens) + sum(r.OutputTokens) AS tokens,
            sum(r.Cost) AS cost,
            max(r.End) AS seen,
            0 AS heard,
            '' AS state
        FROM ${db}.runs AS r
        GROUP BY RunId
        HAVING max(r.PipelineName) != '' OR sum(r.ModelCalls) > 0

        UNION ALL

        SELECT
            e.RunId, toString(any(e.PipelineName)), min(e.StartTime), NULL, '', 0, 0., toDateTime64(0, 9),
            max(e.Position), argMax(e.Attributes['quarterdeck.run.status'], e.Position)
        FROM ${db}.live_events AS e
        WHERE e.EventName IN (
            'quarterdeck.pipeline.started', 'quarterdeck.heartbeat', 'quarterdeck.pipeline.completed', 'quarterdeck.pipeline.error'
        )
        GROUP BY e.RunId
    )
    GROUP BY id
) AS finished
GLOBAL LEFT JOIN (
    SELECT
        RunId,
        any(Payload['quarterdeck.pipeline.config']) AS config,
        any(Payload['quarterdeck.run.output']) AS results
    FROM ${db}.otel_traces
    WHERE SpanAttributes['quarterdeck.run.status'] != ''
    GROUP BY RunId
) AS roots ON roots.RunId = finished.id;

CREATE VIEW IF NOT EXISTS ${db}.step_executions ${on_cluster} AS
SELECT
    s.StepId AS id,
    s.RunId AS pipeline_execution_id,
    any(s.StepName) AS step_name,
    any(c.Provider) AS provider,
    minIf(s.Timestamp, s.SpanId = s.StepId) AS started_at,
    maxIf(s.Timestamp + toIntervalNanosecond(s.Duration), s.SpanId = s.StepId) AS completed_at,
    argMinIf(s.PromptText, s.Timestamp, s.PromptText != '') AS prompt_text,
    argMaxIf(s.ResponseText, s.Timestamp, s.ResponseText != '') AS response_text,
    any(c.Tokens) AS tokens_used,
    maxIf(s.Duration, s.SpanId = s.StepId) / 1e6 AS duration_ms,
    multiIf(
        countIf(s.SpanId = s.StepId) = 0, 'running',
        maxIf(s.SpanAttributes['quarterdeck.step.status'], s.SpanId = s.StepId) != '',
        maxIf(s.SpanAttributes['quarterdeck.step.status'], s.SpanId = s.StepId),
        countIf(s.SpanId = s.StepId AND s.StatusCode = 'Error') > 0, 'failed',
        'completed'
    ) AS status
FROM ${db}.otel_traces AS s
GLOBAL LEFT JOIN (
    SELECT RunId, StepId, any(Provider) AS Provider, sum(InputTokens) + sum(OutputTokens) AS Tokens
    FROM ${db}.model_calls
    WHERE StepId != ''
    GROUP BY RunId, StepId
) AS c ON c.RunId = s.RunId AND c.StepId = s.StepId
WHERE s.StepId != ''
GROUP BY s.StepId, s.RunId;

CREATE VIEW IF NOT EXISTS ${db}.metrics_snapshots ${on_cluster} AS
SELECT
    timestamp,
    max(running) AS total_pipelines_running,
    sum(tokens) AS total_tokens_used,
    sum(cost) AS total_cost,
    if(sum(calls) = 0, 0, sum(call_ms) / sum(calls)) AS avg_response_time_ms,
    if(sum(calls) = 0, 0, sum(failed_calls) / sum(calls)) AS error_rate
FROM (
    SELECT
        m.Time AS timestamp,
        toUInt64(0) AS running,
        sum(m.InputTokens) + sum(m.OutputTokens) AS tokens,
        sum(m.Cost) AS cost,
        sum(m.Duration) / 1e6 AS call_ms,
        sum(m.Calls) AS calls,
        sum(m.Errors) AS failed_calls
    FROM ${db}.llm_1m AS m
    GROUP BY timestamp

    UNION ALL

    SELECT toStartOfMinute(e.Timestamp) AS timestamp, uniqExact(e.RunId), 0, 0., 0., 0, 0
    FROM ${db}.live_events AS e
    WHERE e.EventName = 'quarterdeck.heartbeat'
        AND e.Attributes['quarterdeck.run.status'] IN ('running', 'paused', 'waiting')
    GROUP BY timestamp
)
GROUP BY timestamp;
