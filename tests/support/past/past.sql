-- Spans of the runs that begin in some hours: a root, its steps, and a span for each attempt of a model call. Everything
-- about a span is a hash of the numbers of its run, its step and its attempt.
-- From the inside out: runs; what each does; how each of its steps goes; how long; its spans.
INSERT INTO ${db}.otel_traces (
    Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion,
    SpanAttributes, Duration, StatusCode, StatusMessage, `Events.Timestamp`, `Events.Name`, `Events.Attributes`,
    SpanAttributeTypes, TraceFlags, Payload
)
WITH
    (a, b, c) -> (cityHash64(${seed}, run, a, b, c) % 1000003 + 0.5) / 1000003 AS even, -- between 0 and 1
    (a, b) -> sqrt(-2 * log(even(a, b, 1))) * cos(2 * pi() * even(a, b, 2)) AS normal,
    (place, nth) -> lower(hex(cityHash64(${seed}, run, place, nth, 5))) AS span_id,
    fromUnixTimestamp64Nano(toInt64(began * 1000000) * 1000 + toInt64(span.4 * 1e9), 'UTC') AS at,
    span.1 AS what, span.2 AS step, span.3 AS attempt,
    toUInt64(span.5 * 1e9) AS took,
    told[step] AS of_step,
    tupleElement(of_step, 'model').1 AS provider,
    tupleElement(of_step, 'model').2 AS model,
    span.6 AS flaw, -- 1: an attempt that another may follow, or what has no attempt left; 2: for good
    tupleElement(of_step, 'silent') AS silent, -- 1: an empty answer; 2: prose where JSON is due; 3: cut off
    multiIf(
        flaw = 0, tuple('', '', ''),
        NOT tupleElement(of_step, 'has_model'), ('KeyError', '\'invoice_date\'', 'normalise'),
        flaw = 1 AND is_storm, ('RateLimitError', concat('Error code: 429 - This request would exceed your organization\'s rate limit of 400000 input tokens per minute (req_', lower(hex(of_run)), ')'), 'ask'),
        flaw = 1, [
            ('APITimeoutError', 'Request timed out.', 'ask'),
            ('OverloadedError', 'Error code: 529 - Overloaded', 'ask'),
            ('APIConnectionError', concat('Connection error: peer 10.0.', toString(of_run % 250), '.7 reset the stream'), 'ask')
        ][1 + cityHash64(run, step, if(what = 2, attempt, 3), 6) % 3],
        is_regressed, ('InvalidOutputError', concat('answer does not fit its schema: $$.lines[', toString(of_run % 40), '].order is missing'), 'parse'),
        [
            ('BadRequestError', concat('Error code: 400 - prompt is too long: ', toString(200001 + of_run % 9000), ' tokens > 200000 maximum'), 'ask'),
            ('ContentFilterError', 'the answer was withheld: safety', 'ask'),
            ('InvalidOutputError', concat('answer is no JSON: Expecting value: line 1 column ', toString(1 + of_run % 80)), 'parse')
        ][1 + cityHash64(run, step, 7) % 3]
    ) AS error,
    replaceAll(replaceAll(tupleElement(plan, 1), '-', '_'), ' ', '_') AS module,
    -- A customer's own words in every prompt, unless the same few prompts are sent all the time.
    if(tupleElement(of_step, 'repeated') > 0, tupleElement(of_step, 'repeated') * 1000000, run * 10 + step) AS subject,
    concat(
        'You are a careful assistant of the ', plan.2, ' team. Work on the material below and answer ', if(tupleElement(of_step, 'json'), 'with one JSON object.', 'in plain words.'),
        '\n\nCase ', toString(subject), ': ',
        arrayStringConcat(arrayMap(n -> ['the order', 'a customer', 'our supplier', 'the contract', 'this quarter', 'the delivery', 'a reminder', 'the account'][1 + cityHash64(subject, n, 3) % 8], range(12)), ', ')
    ) AS question,
    multiIf(
        silent = 1, '',
        silent = 2, 'I am sorry, but I cannot work with this material.',
        silent = 3, concat('{\"label\":\"', toString(subject), '\",\"why\":\"the material says that'),
        tupleElement(of_step, 'json'), concat('{\"label\":\"case ', toString(subject), '\",\"score\":', toString(round(even(step, attempt, 8), 2)), '}'),
        concat('Case ', toString(subject), ' is in order; nothing speaks against going on.')
    ) AS answer
SELECT
    at,
    lower(hex(sipHash128(${seed}, run, 7))),
    span_id(if(what = 0, 0, step), if(what = 2, attempt, 0)),
    multiIf(what = 0, '', what = 1, span_id(0, 0), span_id(step, 0)),
    multiIf(what = 0, concat('invoke_workflow ', plan.1), what = 1, concat('step ', tupleElement(of_step, 'name')), concat('chat ', model)),
    if(what = 2, 'Client', 'Internal'),
    plan.3,
    map(
        'service.name', plan.3, 'service.version', '1.2.3', 'host.name', concat('host-', toString(of_run % 4)), 'team', plan.2,
        'telemetry.sdk.language', 'python', 'telemetry.sdk.name', 'opentelemetry',
        'deployment.environment.name', if(even(0, 0, 9) < 0.8, 'production', 'staging')
    ),
    'quarterdeck', '0.1.0',
    mapConcat(
        map('quarterdeck.run.id', lower(hex(sipHash128(${seed}, run, 1))), 'quarterdeck.pipeline.name', plan.1, 'quarterdeck.pipeline.version', version),
        if(what = 0, map('gen_ai.operation.name', 'invoke_workflow', 'quarterdeck.run.status', if(flaw > 0, 'failed', 'completed'), 'customer.tier', ['free', 'pro', 'enterprise'][1 + of_run % 3]), map()),
        if(what > 0, map('quarterdeck.step.id', span_id(step, 0), 'quarterdeck.step.name', tupleElement(of_step, 'name')), map()),
        if(what = 1, map('quarterdeck.step.index', toString(step), 'quarterdeck.step.total', toString(length(told)), 'quarterdeck.step.attempt', '1', 'quarterdeck.step.status', if(flaw > 0, 'failed', 'completed')), map()),
        if(what = 2, map(
            'gen_ai.operation.name', 'chat', 'gen_ai.provider.name', provider, 'gen_ai.request.model', model, 'gen_ai.request.max_tokens', '2048',
            'gen_ai.output.type', if(tupleElement(of_step, 'json'), 'json', 'text'),
            'http.request.resend_count', toString(attempt - 1)
        ), map()),
        if(what = 2 AND (flaw = 0 OR error.3 = 'parse'), map(
            'gen_ai.response.model', model, 'gen_ai.response.id', concat('msg_', lower(hex(cityHash64(${seed}, run, step, attempt)))),
            'gen_ai.usage.input_tokens', toString(tupleElement(of_step, 'input')),
            'gen_ai.usage.output_tokens', toString(multiIf(silent = 1, 0, silent = 3, 2048, tupleElement(of_step, 'output'))),
            'gen_ai.usage.cache_read.input_tokens', toString(toUInt64(tupleElement(of_step, 'input') * tupleElement(of_step, 'cached'))),
            'gen_ai.response.finish_reasons', if(silent = 3, '["max_tokens"]', '["stop"]'),
            'gen_ai.response.time_to_first_chunk', toString(round(tupleElement(of_step, 'first'), 4))
        ), map()),
        if(flaw > 0, map('error.type', error.1), map())
    ),
    took,
    multiIf(flaw > 0, 'Error', what = 0, 'Ok', 'Unset'),
    error.2,
    if(flaw > 0, [addNanoseconds(at, took)], []),
    if(flaw > 0, ['exception'], []),
    if(flaw > 0, [map(
        'exception.type', error.1, 'exception.message', error.2,
        'exception.stacktrace', concat(
            'Traceback (most recent call last):\n  File "/srv/pipelines/', module, '.py", line ', toString(40 + step * 17), ', in ', error.3, '\n',
            if(error.3 = 'ask', '    return client.messages.create(**request)\n  File "/usr/lib/python3.12/site-packages/anthropic/_base_client.py", line 1290, in post\n    raise self._make_status_error_from_response(err.response)\n', '    return json.loads(answer)["lines"]\n'),
            error.1, ': ', error.2, '\n'
        )
    )], []),
    '', 257,
    multiIf(
        what = 0, map(
            'quarterdeck.pipeline.config', concat('{"name":"', plan.1, '","version":"', version, '"}'),
            'quarterdeck.run.input', concat('{"case":', toString(run), '}'),
            'quarterdeck.run.output', multiIf(flaw > 0, '', is_silent, '""', concat('{"case":', toString(run), ',"done":true}'))
        ),
        what = 1, map('quarterdeck.step.input', concat('{"case":', toString(subject), '}'), 'quarterdeck.step.output', if(flaw > 0, '', if(tupleElement(of_step, 'json'), answer, toJSONString(answer)))),
        flaw > 0 AND error.3 != 'parse', map('gen_ai.input.messages', concat('[{"role":"user","parts":[{"type":"text","content":', toJSONString(question), '}]}]')),
        map(
            'gen_ai.input.messages', concat('[{"role":"user","parts":[{"type":"text","content":', toJSONString(question), '}]}]'),
            'gen_ai.output.messages', concat('[{"role":"assistant","parts":[{"type":"text","content":', toJSONString(answer), '}],"finish_reason":"', if(silent = 3, 'length', 'stop'), '"}]')
        )
    )
FROM (
    SELECT
        run, of_run, began, plan, version, is_storm, is_regressed, told,
        arrayExists(s -> tupleElement(s, 'silent') > 0, told) AS is_silent,
        arrayJoin(arrayConcat(
            [CAST((0, done, 0, 0, arraySum(arraySlice(seconds, 1, done)) + 0.03, has_failed * reason), 'Tuple(UInt8, UInt8, UInt8, Float64, Float64, UInt8)')],
            arrayMap(i -> CAST((1, i, 0, begins[i], seconds[i], if(has_failed AND i = done, reason, 0)), 'Tuple(UInt8, UInt8, UInt8, Float64, Float64, UInt8)'), range(1, done + 1)),
            arrayFlatten(arrayMap(i -> arrayMap(k -> CAST((
                2, i, k,
                begins[i] + 0.02 + (k - 1) * waits[i],
                if(k = calls[i] AND tupleElement(told[i], 'flaws') < 3, tupleElement(told[i], 'seconds'), waits[i] * 0.4),
                multiIf(k < calls[i] OR tupleElement(told[i], 'flaws') = 3, 1, tupleElement(told[i], 'fatal'), 2, 0)
            ), 'Tuple(UInt8, UInt8, UInt8, Float64, Float64, UInt8)'), range(1, calls[i] + 1)), range(1, done + 1)))
        )) AS span
    FROM (
        SELECT
            *,
            arrayMap(s -> if(tupleElement(s, 'has_model'), 1 + least(tupleElement(s, 'flaws'), 2), 0), told) AS calls,
            arrayMap(s -> if(is_storm, 4, 1.5) * (0.8 + tupleElement(s, 'first') / 5), told) AS waits, -- an attempt that fails, and the pause after it
            arrayMap((s, n, wait) -> multiIf(n = 0, tupleElement(s, 'seconds'), 0.05 + (n - 1) * wait + if(tupleElement(s, 'flaws') = 3, wait * 0.4, tupleElement(s, 'seconds'))), told, calls, waits) AS seconds,
            arrayMap((s, x) -> s - x + 0.01, arrayCumSum(seconds), seconds) AS begins,
            arrayFirstIndex(s -> tupleElement(s, 'fatal') OR tupleElement(s, 'flaws') = 3, told) AS broken,
            broken > 0 AS has_failed,
            if(has_failed, broken, length(told)) AS done,
            if(tupleElement(told[done], 'flaws') = 3, 1, 2) AS reason
        FROM (
            SELECT
                run, of_run, began, plan, version, is_storm, is_regressed,
                arrayMap((s, i) -> CAST((
                    s.1,
                    notEmpty(s.2),
                    s.2[1 + cityHash64(run, i, 2) % greatest(length(s.2), 1)] AS model,
                    -- tokens
                    toUInt64(s.3 * exp(0.25 * normal(i, 12)) * if(${cost_spike} AND plan.1 = ${cost_spike_pipeline} AND s.1 = ${cost_spike_step} AND began >= ${cost_spike_from} AND began < ${cost_spike_to}, 40, 1) * if(${dear_step} AND plan.1 = ${dear_step_pipeline} AND s.1 = ${dear_step_step}, 60, 1)),
                    greatest(1, toUInt64(s.4 * exp(0.3 * normal(i, 11)))) AS output,
                    s.6,
                    s.7,
                    -- seconds: to the first token, and until the end
                    model.4 * exp(0.25 * normal(i, 13)) * if(is_regressed AND s.1 = ${regression_step}, 1.6, 1) AS first,
                    if(
                        empty(s.2),
                        s.5 * exp(0.3 * normal(i, 14)) * if(${slow_step} AND plan.1 = ${slow_step_pipeline} AND s.1 = ${slow_step_step}, 60, 1),
                        first + output / (model.3 * exp(0.15 * normal(i, 15))) * if(is_regressed AND s.1 = ${regression_step}, 3.5, 1)
                    ),
                    -- attempts that fail, up to three; failures for good
                    if(empty(s.2), 0, arrayFirstIndex(x -> NOT x, arrayPushBack(arrayMap(k -> even(i, k, 16) < if(is_storm AND model.1 = ${storm_provider}, 0.75, 0.012), [1, 2, 3]), 0)) - 1),
                    even(i, 0, 17) < multiIf(empty(s.2), 0.003, is_regressed AND s.1 = ${regression_step}, 0.12, 0.006),
                    if(
                        ${silent} AND plan.1 = ${silent_pipeline} AND s.1 = ${silent_step} AND began >= ${silent_from} AND even(i, 0, 18) < 0.25,
                        1 + cityHash64(run, 19) % 3, 0
                    ),
                    if(
                        ${duplicates} AND plan.1 = ${duplicates_pipeline} AND s.1 = ${duplicates_step} AND began >= ${duplicates_from} AND even(i, 0, 20) < 0.6,
                        1 + cityHash64(run, 21) % 3, 0
                    )
                ), 'Tuple(name String, has_model UInt8, model Tuple(String, String, Float64, Float64), input UInt64, output UInt64, cached Float64, json UInt8, first Float64, seconds Float64, flaws UInt8, fatal UInt8, silent UInt8, repeated UInt64)'), plan.5, range(1, length(plan.5) + 1)) AS told
            FROM (
                SELECT
                    tupleElement(hour, 2) + nth AS run,
                    cityHash64(${seed}, run) AS of_run,
                    least(tupleElement(hour, 1) + even(0, 0, 0) * 3600, ${end} - 300.) AS began,
                    CAST(${plan}, 'Array(Tuple(String, String, String, Array(UInt32), Array(Tuple(String, Array(Tuple(String, String, Float64, Float64)), Float64, Float64, Float64, Float64, UInt8))))')[${slots}[1 + of_run % 100]] AS plan,
                    lower(substring(hex(cityHash64(plan.1, arrayCount(day -> day <= (began - ${began}) / 86400, plan.4))), 1, 8)) AS version,
                    ${storm} AND began >= ${storm_from} AND began < ${storm_to} AS is_storm,
                    ${regression} AND plan.1 = ${regression_pipeline} AND began >= ${regression_from} AS is_regressed
                FROM (SELECT arrayJoin(CAST(${hours}, 'Array(Tuple(UInt64, UInt64, UInt64))')) AS hour, arrayJoin(range(tupleElement(hour, 3))) AS nth)
            )
        )
    )
)
SETTINGS max_insert_threads = 1, max_block_size = 65536, min_insert_block_size_rows = 1000000, min_insert_block_size_bytes = 400000000,
    throw_on_max_partitions_per_insert_block = 0, insert_deduplication_token = '${token}', output_format_json_quote_64bit_integers = 0
