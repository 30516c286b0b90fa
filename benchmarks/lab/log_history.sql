-- What the runs from ${first} on have logged, ${runs} of them: 5 records a run, of which one in 40 is an error.
INSERT INTO ${db}.otel_logs (
    Timestamp, TraceId, SpanId, SeverityText, SeverityNumber, ServiceName, Body, ResourceAttributes, ScopeName, LogAttributes
)
WITH
    ${first} + intDiv(number, 5) AS run,
    number % 5 AS place,
    cityHash64(run, 11) AS of_run,
    cityHash64(run, place, 13) AS of_record,
    if(place = 0, 0, 1 + (place - 1) % 4) AS step, -- 0: the root
    (at_place -> lower(hex(cityHash64(run, at_place, 5)))) AS span_id,
    ['nightly-digest', 'support-triage', 'invoice-extract', 'code-review', 'rag-eval', 'kb-sync', 'lead-scoring', 'report-gen'][1 + of_run % 8] AS pipeline,
    ['fetch', 'classify', 'summarize', 'verify'][step] AS step_name,
    ['api', 'worker', 'batch'][1 + of_run % 3] AS service,
    multiIf(of_record % 40 = 0, 17, of_record % 12 = 0, 13, of_record % 5 = 0, 5, 9) AS severity
SELECT
    fromUnixTimestamp64Nano(toInt64(${began}) + toInt64(run) * ${every} + toInt64(place) * 2900000000 + toInt64(of_record % 1000000000), 'UTC'),
    lower(hex(sipHash128(run, 7))),
    span_id(toUInt64(step)),
    transform(severity, [5, 9, 13, 17], ['DEBUG', 'INFO', 'WARN', 'ERROR'], ''), severity, service,
    concat(
        multiIf(severity = 17, 'request failed: ', severity = 13, 'slow answer: ', severity = 5, 'cache looked up: ', 'item done: '),
        dictGet('bench.sentences', 'Text', of_record % 200000), 'attempt=', toString(1 + of_record % 3), ' took ', toString(of_record % 9000), ' ms',
        if(cityHash64(run, place) % 100000 = 7, ' Zyxneedle', '')
    ),
    map('service.name', service, 'service.version', '1.2.3', 'host.name', concat('host-', toString(of_run % 4)),
        'deployment.environment.name', ['production', 'staging'][1 + of_run % 2]),
    concat('app.', service),
    mapConcat(
        map('quarterdeck.run.id', lower(hex(sipHash128(run, 1))), 'quarterdeck.pipeline.name', pipeline, 'customer.id', toString(run % 5000)),
        if(step > 0, map('quarterdeck.step.id', span_id(toUInt64(step)), 'quarterdeck.step.name', step_name), map())
    )
FROM numbers(${runs} * 5)
SETTINGS max_insert_threads = 1, throw_on_max_partitions_per_insert_block = 0, insert_deduplication_token = '${token}'
