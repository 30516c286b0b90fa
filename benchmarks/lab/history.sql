-- Spans of the runs from ${first} on, ${runs} of them: 20 spans a run, of which a root, 4 steps, 7 model calls and 8 tools.
-- Everything about a span is a hash of the numbers of its run and of itself.
INSERT INTO ${db}.otel_traces (
    Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion,
    SpanAttributes, Duration, StatusCode, StatusMessage, `Events.Timestamp`, `Events.Name`, `Events.Attributes`,
    SpanAttributeTypes, TraceFlags, Payload
)
WITH
    ${first} + intDiv(number, 20) AS run,
    number % 20 AS place,
    cityHash64(run, 11) AS of_run,
    cityHash64(run, place, 12) AS of_span,
    multiIf(place = 0, 'run', place < 5, 'step', place < 12, 'chat', 'tool') AS what,
    if(place < 5, place, 1 + (place - 5) % 4) AS step, -- 0: the root
    (at_place -> lower(hex(cityHash64(run, at_place, 5)))) AS span_id,
    (salt, sentences) -> arrayStringConcat(arrayMap(
        n -> dictGet('bench.sentences', 'Text', cityHash64(run, place, n, salt) % 200000), range(toUInt64(sentences))
    )) AS text,
    ['nightly-digest', 'support-triage', 'invoice-extract', 'code-review', 'rag-eval', 'kb-sync', 'lead-scoring', 'report-gen'][1 + of_run % 8] AS pipeline,
    ['fetch', 'classify', 'summarize', 'verify'][step] AS step_name,
    ['api', 'worker', 'batch'][1 + of_run % 3] AS service,
    1 + of_span % 6 AS model_number,
    ['anthropic', 'anthropic', 'openai', 'openai', 'gcp.gemini', 'gcp.gemini'][model_number] AS provider,
    ['claude-sonnet-4-5', 'claude-haiku-4-5', 'gpt-5', 'gpt-5-mini', 'gemini-2.5-pro', 'gemini-2.5-flash'][model_number] AS model,
    fromUnixTimestamp64Nano(toInt64(${began}) + toInt64(run) * ${every} + toInt64(place) * 700000000, 'UTC') AS at,
    -- log-normal, in the middle 1.3 seconds
    toUInt64(1e9 * exp(0.3 + 0.8 * sqrt(-2 * log((of_span % 100000 + 1) / 100001)) * cos(2 * pi() * (bitShiftRight(of_span, 20) % 1000) / 1000))) AS call_time,
    what = 'chat' AND bitShiftRight(of_span, 33) % 50 = 0 AS call_failed,
    what = 'run' AND of_run % 33 = 0 AS run_failed,
    replaceAll(
        [
            'rate limit exceeded for org {} retry after {}s', 'timeout after {} ms calling model', 'context length {} exceeds maximum',
            'connection reset by peer ({})', 'invalid json in tool call at char {}'
        ][1 + bitShiftRight(of_span, 40) % 5],
        '{}', toString(of_span % 9999)
    ) AS message
SELECT
    at,
    lower(hex(sipHash128(run, 7))),
    span_id(place),
    multiIf(what = 'run', '', what = 'step', span_id(toUInt64(0)), span_id(toUInt64(step))),
    multiIf(what = 'run', concat('invoke_workflow ', pipeline), what = 'step', concat('step ', step_name), what = 'chat', concat('chat ', model), 'execute_tool search'),
    if(what = 'chat', 'Client', 'Internal'),
    service,
    map(
        'service.name', service, 'service.version', '1.2.3', 'host.name', concat('host-', toString(of_run % 4)), 'process.pid', toString(1000 + of_run % 40),
        'telemetry.sdk.language', 'python', 'telemetry.sdk.name', 'opentelemetry', 'deployment.environment.name', ['production', 'staging'][1 + of_run % 2]
    ),
    'quarterdeck', '0.1.0',
    mapConcat(
        map('quarterdeck.run.id', lower(hex(sipHash128(run, 1))), 'quarterdeck.pipeline.name', pipeline, 'quarterdeck.pipeline.version', '3f9c2ab1'),
        if(what = 'run', map('gen_ai.operation.name', 'invoke_workflow', 'quarterdeck.run.status', if(run_failed, 'failed', 'completed')), map()),
        if(step > 0, map('quarterdeck.step.id', span_id(toUInt64(step)), 'quarterdeck.step.name', step_name), map()),
        if(what = 'step', map('quarterdeck.step.index', toString(step), 'quarterdeck.step.total', '4', 'quarterdeck.step.status', 'completed'), map()),
        if(what = 'chat', map(
            'gen_ai.operation.name', 'chat', 'gen_ai.provider.name', provider, 'gen_ai.request.model', model, 'gen_ai.response.model', model,
            'gen_ai.request.temperature', '0.3', 'gen_ai.request.max_tokens', '2048', 'gen_ai.response.id', concat('msg_', hex(of_span)),
            'gen_ai.usage.input_tokens', toString(200 + of_span % 4800), 'gen_ai.usage.output_tokens', toString(20 + bitShiftRight(of_span, 13) % 1480),
            'gen_ai.response.finish_reasons', '["stop"]', 'gen_ai.response.time_to_first_chunk', toString(0.2 + (of_span % 900) / 1000)
        ), map()),
        if(what = 'tool', map(
            'gen_ai.operation.name', 'execute_tool', 'gen_ai.tool.name', 'search', 'gen_ai.tool.call.id', hex(of_span),
            'customer.id', toString(run % 5000)
        ), map()),
        if(call_failed, map('error.type', 'APIError'), map())
    ),
    multiIf(what = 'run', 20000000000 + of_run % 20000000000, what = 'step', 5000000000 + of_span % 15000000000, call_time),
    multiIf(call_failed OR run_failed, 'Error', what = 'run', 'Ok', 'Unset'),
    if(call_failed OR run_failed, message, ''),
    if(call_failed, [at + toIntervalNanosecond(call_time)], []),
    if(call_failed, ['exception'], []),
    if(call_failed, [map('exception.type', 'APIError', 'exception.message', message, 'exception.stacktrace', text(4, 6))], []),
    '', 257,
    multiIf(
        what = 'chat', map(
            'gen_ai.input.messages', concat('[{"role":"user","parts":[{"type":"text","content":"', text(1, 6 + of_span % 18), if(cityHash64(run, place) % 100000 = 7, ' Zyxneedle ', ''), '"}]}]'),
            'gen_ai.output.messages', concat('[{"role":"assistant","parts":[{"type":"text","content":"', text(2, 2 + of_span % 11), '"}],"finish_reason":"stop"}]')
        ),
        what = 'tool', map('gen_ai.tool.call.arguments', concat('{"q":"', text(5, 1), '"}'), 'gen_ai.tool.call.result', text(3, 3)),
        map()
    )
FROM numbers(${runs} * 20)
SETTINGS max_insert_threads = 1, max_block_size = 8192, min_insert_block_size_rows = 32768, min_insert_block_size_bytes = 134217728,
    throw_on_max_partitions_per_insert_block = 0, insert_deduplication_token = '${token}'
