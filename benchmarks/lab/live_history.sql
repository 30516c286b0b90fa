-- What the SDK says while the runs from ${first} on go: 20 events a run.
INSERT INTO ${db}.live_events (
    Position, Timestamp, EventName, RunId, PipelineName, TraceId, SpanId, ParentSpanId, SpanName, StartTime, StepId, StepName,
    ServiceName, Sequence, Text, StandIn, Attributes
)
WITH
    ${first} + intDiv(number, 20) AS run,
    number % 20 AS place,
    multiIf(place = 0, 'pipeline.started', place = 19, 'pipeline.completed', place IN (9, 14), 'heartbeat', place % 4 = 1, 'step.started',
        place % 4 = 2, 'prompt.sent', place % 4 = 3, 'response.streaming', 'step.completed') AS event,
    toInt64(${began}) + toInt64(run) * ${every} + toInt64(place) * 2000000000 AS at,
    fromUnixTimestamp64Nano(at, 'UTC') AS time,
    1 + intDiv(place, 4) % 4 AS step,
    (at_place -> lower(hex(cityHash64(run, at_place, 5)))) AS span_id
SELECT
    at, time, concat('quarterdeck.', event), lower(hex(sipHash128(run, 1))),
    ['nightly-digest', 'support-triage', 'invoice-extract', 'code-review', 'rag-eval', 'kb-sync', 'lead-scoring', 'report-gen'][1 + cityHash64(run, 11) % 8],
    lower(hex(sipHash128(run, 7))),
    multiIf(place IN (0, 9, 14, 19), span_id(toUInt64(0)), place % 4 IN (2, 3), span_id(5 + place), span_id(toUInt64(step))),
    if(place IN (0, 9, 14, 19), '', span_id(toUInt64(0))), event, time, span_id(toUInt64(step)),
    ['fetch', 'classify', 'summarize', 'verify'][step], 'worker', place,
    if(event IN ('prompt.sent', 'response.streaming'), dictGet('bench.sentences', 'Text', cityHash64(run, place) % 200000), ''),
    0, map('quarterdeck.run.status', if(event = 'pipeline.completed', 'completed', 'running'))
FROM numbers(${runs} * 20)
