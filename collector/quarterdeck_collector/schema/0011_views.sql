-- Tables to read by hand. What several tables tell of one run stands below each other and is grouped, not joined: planning
-- joins takes longer than finding one run does.

CREATE VIEW IF NOT EXISTS ${db}.pipeline_executions ${on_cluster} AS
SELECT
    id,
    max(name) AS pipeline_name,
    max(run_config) AS config,
    if(max(is_stored) = 1, minIf(start, is_stored = 1), min(start)) AS started_at,
    if(max(is_over) = 1, max(end), NULL) AS completed_at,
    -- Spans tell how a run ended; until then its heartbeats tell how it is, and that it is no more. A run without
    -- heartbeats may be silent for as long as its longest span takes.
    multiIf(
        max(is_over) = 1, max(final_status),
        max(position) = 0, if(maxIf(end, is_stored = 1) > now64(9) - toIntervalMinute(5), 'running', 'lost'),
        argMax(live_status, position) IN ('running', 'waiting') AND max(position) < toUnixTimestamp64Nano(now64(9)) - 8000000000, 'lost',
        argMax(live_status, position)
    ) AS status,
    sum(tokens) AS total_tokens,
    sum(cost) AS total_cost,
    max(run_output) AS results
FROM (
    SELECT
        RunId AS id,
        PipelineName != '' OR ModelCalls > 0 AS is_run,
        1 AS is_stored,
        RootSeen AS is_over,
        if(PipelineName != '', toString(PipelineName), RootName) AS name,
        Start AS start,
        End AS end,
        toString(Status) AS final_status,
        '' AS live_status,
        toUInt64(0) AS position,
        InputTokens + OutputTokens AS tokens,
        Cost AS cost,
        '' AS run_config,
        '' AS run_output
    FROM ${db}.runs

    UNION ALL

    -- also runs of which no span has ended yet
    SELECT RunId, 1, 0, 0, toString(PipelineName), StartTime, StartTime, '', Attributes['quarterdeck.run.status'], Position, 0, 0., '', ''
    FROM ${db}.live_events
    WHERE EventName IN (
        'quarterdeck.pipeline.started', 'quarterdeck.heartbeat', 'quarterdeck.pipeline.completed', 'quarterdeck.pipeline.error'
    )

    UNION ALL

    SELECT RunId, 0, 0, 0, '', Timestamp, Timestamp, '', '', 0, 0, 0., Payload['quarterdeck.pipeline.config'], Payload['quarterdeck.run.output']
    FROM ${db}.otel_traces
    WHERE SpanAttributes['quarterdeck.run.status'] != ''
)
GROUP BY id
HAVING max(is_run) = 1;

CREATE VIEW IF NOT EXISTS ${db}.step_executions ${on_cluster} AS
SELECT
    StepId AS id,
    RunId AS pipeline_execution_id,
    max(name) AS step_name,
    argMinIf(call_provider, at, call_provider != '') AS provider,
    minIf(at, is_step) AS started_at,
    maxIf(addNanoseconds(at, took), is_step) AS completed_at,
    argMinIf(prompt, at, prompt != '') AS prompt_text,
    argMaxIf(response, at, response != '') AS response_text,
    sum(tokens) AS tokens_used,
    maxIf(took, is_step) / 1e6 AS duration_ms,
    multiIf(max(is_step) = 0, 'running', max(told_status) != '', max(told_status), max(has_failed) = 1, 'failed', 'completed') AS status
FROM (
    SELECT
        RunId, StepId,
        SpanId = StepId AS is_step,
        toString(StepName) AS name,
        Timestamp AS at,
        Duration AS took,
        PromptText AS prompt,
        ResponseText AS response,
        if(is_step, SpanAttributes['quarterdeck.step.status'], '') AS told_status,
        is_step AND StatusCode = 'Error' AS has_failed,
        '' AS call_provider,
        toUInt64(0) AS tokens
    FROM ${db}.otel_traces
    WHERE StepId != ''

    UNION ALL

    SELECT RunId, StepId, 0, '', Timestamp, 0, '', '', '', 0, toString(Provider), InputTokens + OutputTokens
    FROM ${db}.model_calls
    WHERE StepId != ''
)
GROUP BY StepId, RunId;

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
