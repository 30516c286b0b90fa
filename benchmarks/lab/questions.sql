-- question samples
-- Runs of the history, anywhere in it.
SELECT
    lower(hex(sipHash128(number, 1))) AS run,
    lower(hex(sipHash128(number, 7))) AS trace,
    lower(hex(cityHash64(number, 5, 5))) AS span, -- its first model call
    toInt64(Began + number * Every) AS start_ns,
    start_ns + 40000000000 AS end_ns,
    concat('customer.id=', toString(number % 5000)) AS customer
FROM (
    SELECT max(Made) AS Made, any(Began) AS Began, any(Every) AS Every, arrayJoin(arrayMap(n -> cityHash64(n, Made, now()) % Made, range({count:UInt64}))) AS number
    FROM bench.history
)

-- question trace_with_payloads
SELECT * FROM otel_traces
WHERE RunId = {run:String} AND toStartOfHour(Timestamp) BETWEEN toStartOfHour(fromUnixTimestamp64Nano({start_ns:Int64}))
    AND toStartOfHour(fromUnixTimestamp64Nano({end_ns:Int64}))
ORDER BY Timestamp

-- question pipeline_execution
SELECT * FROM pipeline_executions WHERE id = {run:String}

-- question step_executions
SELECT * FROM step_executions WHERE pipeline_execution_id = {run:String} ORDER BY started_at

-- question metrics_snapshots
SELECT * FROM metrics_snapshots WHERE timestamp > now() - INTERVAL 1 HOUR ORDER BY timestamp

-- question spans_with_attribute
-- Ordered as the table is: read backwards, and no further than needed.
SELECT RunId, SpanId, Timestamp, SpanName FROM otel_traces
WHERE has(SpanAttributeItems, {customer:String})
ORDER BY toStartOfHour(Timestamp) DESC, Timestamp DESC LIMIT 50

-- question search
SELECT RunId, SpanId, Timestamp, substring(SearchText, greatest(1, toInt64(position(SearchText, {word:String})) - 60), 160) AS Snippet
FROM otel_traces
WHERE hasAllTokens(SearchText, lowerUTF8({words:String}))
ORDER BY toStartOfHour(Timestamp) DESC, Timestamp DESC LIMIT 50

-- question search_of_a_day
SELECT RunId, SpanId, Timestamp, substring(SearchText, greatest(1, toInt64(position(SearchText, {word:String})) - 60), 160) AS Snippet
FROM otel_traces
PREWHERE toDate(Timestamp) = toDate(now('UTC')) - {days_ago:UInt32} AND position(SearchText, {word:String}) > 0
WHERE hasAllTokens(SearchText, lowerUTF8({words:String}))
ORDER BY toStartOfHour(Timestamp) DESC, Timestamp DESC LIMIT 50

-- question raw_runs
SELECT
    SpanAttributes['quarterdeck.run.id'] AS Run,
    max(SpanAttributes['quarterdeck.pipeline.name']), max(SpanAttributes['quarterdeck.run.status']),
    min(Timestamp) AS Start, max(Timestamp + toIntervalNanosecond(Duration)), countIf(StatusCode = 'Error'),
    countIf(SpanAttributes['gen_ai.operation.name'] = 'chat'), groupUniqArray(SpanAttributes['gen_ai.response.model']),
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])), sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']))
FROM otel_traces
WHERE Timestamp >= toDate(now('UTC')) - 1
GROUP BY Run ORDER BY Start DESC LIMIT 100

-- question raw_run
SELECT
    max(SpanAttributes['quarterdeck.pipeline.name']), max(SpanAttributes['quarterdeck.run.status']),
    min(Timestamp), max(Timestamp + toIntervalNanosecond(Duration)), countIf(StatusCode = 'Error'),
    countIf(SpanAttributes['gen_ai.operation.name'] = 'chat'), groupUniqArray(SpanAttributes['gen_ai.response.model']),
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])), sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']))
FROM otel_traces
WHERE SpanAttributes['quarterdeck.run.id'] = {run:String}

-- question raw_today
SELECT
    uniqExact(SpanAttributes['quarterdeck.run.id']), countIf(SpanAttributes['gen_ai.operation.name'] = 'chat'),
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])), sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']))
FROM otel_traces
WHERE toDate(Timestamp) = toDate(now('UTC'))

-- question raw_calls_by_model
SELECT
    toStartOfInterval(Timestamp, INTERVAL 15 SECOND) AS Bucket, SpanAttributes['gen_ai.response.model'] AS Model, count(),
    countIf(StatusCode = 'Error'), sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])),
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']))
FROM otel_traces
WHERE Timestamp > now() - INTERVAL 15 MINUTE AND SpanAttributes['gen_ai.operation.name'] = 'chat'
GROUP BY Bucket, Model ORDER BY Bucket, Model

-- question raw_latency
SELECT
    toStartOfInterval(Timestamp, INTERVAL 15 SECOND) AS Bucket, quantiles(0.5, 0.95)(Duration),
    quantiles(0.5, 0.95)(toFloat64OrZero(SpanAttributes['gen_ai.response.time_to_first_chunk']))
FROM otel_traces
WHERE Timestamp > now() - INTERVAL 15 MINUTE AND SpanAttributes['gen_ai.operation.name'] = 'chat'
GROUP BY Bucket ORDER BY Bucket

-- question raw_trace
SELECT Timestamp, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, SpanAttributes, Duration, StatusCode, StatusMessage
FROM otel_traces WHERE TraceId = {trace:String} ORDER BY Timestamp

-- question raw_trace_with_payloads
SELECT * FROM otel_traces WHERE TraceId = {trace:String} ORDER BY Timestamp

-- question raw_span
SELECT Payload, SpanAttributes FROM otel_traces WHERE TraceId = {trace:String} AND SpanId = {span:String}

-- question raw_steps
SELECT
    SpanAttributes['quarterdeck.step.id'] AS Step, max(SpanAttributes['quarterdeck.step.name']), min(Timestamp), max(Timestamp),
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])), max(SpanAttributes['quarterdeck.step.status']),
    any(Payload['gen_ai.input.messages']), any(Payload['gen_ai.output.messages'])
FROM otel_traces
WHERE SpanAttributes['quarterdeck.run.id'] = {run:String}
GROUP BY Step

-- question raw_minutes
SELECT
    toStartOfMinute(Timestamp) AS Minute, count(), sum(Duration), countIf(StatusCode = 'Error'),
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])), sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']))
FROM otel_traces
WHERE Timestamp > now() - INTERVAL 1 HOUR AND SpanAttributes['gen_ai.operation.name'] = 'chat'
GROUP BY Minute ORDER BY Minute

-- question raw_spans_with_attribute
SELECT SpanAttributes['quarterdeck.run.id'], SpanId, Timestamp, SpanName FROM otel_traces
WHERE SpanAttributes['customer.id'] = splitByChar('=', {customer:String})[2]
ORDER BY Timestamp DESC LIMIT 50

-- question raw_search
SELECT SpanAttributes['quarterdeck.run.id'], SpanId, Timestamp FROM otel_traces
WHERE lowerUTF8(arrayStringConcat(mapValues(Payload), '\n')) LIKE concat('%', {word:String}, '%')
ORDER BY Timestamp DESC LIMIT 50

-- question raw_logs
SELECT Timestamp, SeverityNumber, ServiceName, SpanId, EventName, Body, LogAttributes FROM otel_logs
ORDER BY Timestamp DESC LIMIT 400

-- question raw_logs_of_a_run
SELECT Timestamp, SeverityNumber, ServiceName, SpanId, EventName, Body, LogAttributes FROM otel_logs
WHERE LogAttributes['quarterdeck.run.id'] = {run:String}
ORDER BY Timestamp DESC LIMIT 400

-- question bytes_by_column
SELECT * FROM (
    SELECT splitByString('.', column)[1] AS Name, sum(column_bytes_on_disk) AS Bytes
    FROM system.parts_columns
    WHERE active AND database = currentDatabase() AND table = 'otel_traces'
    GROUP BY Name

    UNION ALL

    SELECT concat('index ', name), data_compressed_bytes + marks_bytes
    FROM system.data_skipping_indices
    WHERE database = currentDatabase() AND table = 'otel_traces'
)
ORDER BY Bytes DESC

-- question bytes_by_table
SELECT table AS Name, sum(bytes_on_disk) AS Bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY Name
ORDER BY Bytes DESC
