-- What went wrong. This is the one place that decides which failures are one error, and which errors one group.
--
-- A failing call, its step and its run are one error: the innermost span that says what happened counts, and those around it
-- that hand the same failure on are its echoes. A span is an echo if a failed child said something that it repeats: as its own
-- message, behind a ': ' in it, or in the chain of exceptions of its stack trace; or if it says nothing of its own, or has one
-- of the runner's errors that only pass on what a step said. A failed child that says nothing at all (spans of the Anthropic
-- SDK without ours, requests of an HTTP client) leaves the word to its parent.
-- A run that completed with an empty result is an error too, of a category of its own: silent.
--
-- Errors of one group share type, HTTP status, message without what varies, and innermost frame of the user's own code.
-- Only what tells them apart is computed at ingest, of failed spans alone; echoes and categories are looked for when somebody
-- reads, since spans of one run come in any order, and since every expression here costs something at every insert.

CREATE OR REPLACE FUNCTION quarterdeck_exception ${on_cluster} AS (event_names, event_attributes) ->
    event_attributes[length(event_names) + 1 - indexOf(arrayReverse(event_names), 'exception')];

-- The message of an error without the name of its class, which some put before it.
CREATE OR REPLACE FUNCTION quarterdeck_error_message ${on_cluster} AS (exception, status_message) -> substringUTF8(firstNonDefault(
    (exception)['exception.message'],
    replaceRegexpOne(status_message, '^[A-Za-z_][\\w.]*(?:Error|Exception|Timeout|Exit|Interrupt|Warning)(?:: |$)', '')
), 1, 2000);

-- The status that a provider or another server answered with; '' where there is none.
CREATE OR REPLACE FUNCTION quarterdeck_error_status ${on_cluster} AS (attributes, message) -> firstNonDefault(
    (attributes)['http.response.status_code'], (attributes)['http.status_code'],
    extract(message, '(?:^|Error code: |answered |error \'|(?i:status code:? |status:? |HTTP ))([45]\\d\\d)(?: [A-Z{-]|[:.,)]|$)')
);

-- A message without what varies from one occurrence to the next: what pydantic was given, quoted words (an apostrophe inside a
-- word quotes nothing), addresses, ids and numbers. Of what a provider's client prints, Python or JSON, the message inside.
CREATE OR REPLACE FUNCTION quarterdeck_error_text ${on_cluster} AS message -> replaceRegexpAll(
    firstNonDefault(
        trimBoth(extract(message, '[{].*[\'"]message[\'"]: ?("(?:[^"\\\\]|\\\\.)*"|\'(?:[^\'\\\\]|\\\\.)*\')'), '\'"'),
        message
    ),
    '(?s:input_value=.*?, input_type=\\w+)|"(?:[^"\\\\\\n]|\\\\.)*"|\\B\'(?:[^\'\\n]|\\b\'\\b)*\'\\B|[‘“«][^’”»]*[’”»]|\\b\\w+://[^\\s\'")\\]]+|\\b(?:req|msg|toolu|call|chatcmpl|resp|run)_[A-Za-z0-9]+|[\\w-]*\\d[\\w-]*',
    '#'
);

-- Where in the user's own code an error came up, as '<folder>/<file>:<function>': the last frame of a Python stack trace, the
-- first of a JavaScript one, that is neither of the language, nor of an installed package, nor ours.
CREATE OR REPLACE FUNCTION quarterdeck_user_frame ${on_cluster} AS stack -> arrayMap(
    frames -> replaceRegexpOne(replaceRegexpOne(
        if(match(frames[1], '^ +at '), frames[1], frames[-1]),
        '^ *File "(?:.*?[/\\\\])??([^/\\\\]+[/\\\\][^/\\\\]+|[^/\\\\]+)", line \\d+, in (.*)$', '\\1:\\2'),
        '^ +at (?:async )?(?:(.*?) [(])?(?:.*?[/\\\\])??([^/\\\\]+[/\\\\][^/\\\\]+|[^/\\\\]+):\\d+:\\d+[)]?$', '\\2:\\1'),
    [arrayFilter(
        line -> match(line, '^ *File "[^<]|^ +at .*:\\d+:\\d+')
            AND NOT match(line, '(?:site|dist)-packages|[/\\\\]lib(?:64)?[/\\\\]python[\\d.]+[/\\\\]|[/\\\\]Lib[/\\\\]|instrumentation[/\\\\]quarterdeck[/\\\\]|[/\\\\]quarterdeck_(?:runner|collector|ui)[/\\\\]|node_modules|[( ]node:|[( ]internal/|[( ]native|<anonymous>'),
        splitByChar('\n', stack)
    )]
)[1];

-- Which of a dozen causes it is, from what is most telling to what is least.
CREATE OR REPLACE FUNCTION quarterdeck_error_category ${on_cluster} AS (type, said, status, operation) -> multiIf(
    type = 'quarterdeck.EmptyOutput', 'silent',
    operation = 'execute_tool', 'tool',
    status = '429' OR match(said, 'rate.?limit|too many requests|resource.?exhausted|exceeded your current quota'), 'rate_limit',
    match(said, 'prompt is too long|context.?(length|window)|maximum context|input token count|max_input_tokens|request_too_large|payload size exceeds')
        OR status = '413', 'context_length',
    match(said, '\\((refusal|safety|recitation|blocklist|prohibited_content|spii)\\)|[( ]blocked: |block_reason|content.?(filter|policy|management)|prohibited_content|responsible ai'), 'content_filter',
    status IN ('401', '402', '403')
        OR match(said, 'x-api-key|api.?key not valid|authentication.?error|unauthenticated|permission.?denied|permission_error|billing_error|credit balance|nokeyerror'), 'auth',
    match(type, 'Timeout|client_timeout_error|timeout_error|DeadlineExceeded') OR status IN ('408', '504')
        OR match(said, 'timed? ?out|deadline.?exceeded|no answer within|not done within'), 'timeout',
    match(said, 'overloaded') OR (status IN ('500', '502', '503', '529') AND NOT match(type, 'HTTPStatusError')), 'overload',
    match(type, 'JSONDecodeError|ValidationError|AnswerError|SchemaError|OutputParser|NoObjectGenerated|TypeValidation|JSONParse')
        OR match(said, 'gave no text|does not fit|is no json'), 'invalid_output',
    match(type, 'Connect|connection_error|RemoteProtocolError|ReadError|WriteError|NetworkError|gaierror|SSLError|BrokenPipe|TransportError|HTTPStatusError')
        OR match(said, 'connection (refused|reset|aborted|error|failed|closed)|name or service not known|name resolution|unreachable|econnre|\\benotfound\\b|fetch failed|certificate verify failed|server disconnected'), 'network',
    status IN ('400', '404', '405', '409', '415', '422') OR match(said, 'apicallerror|invalid_request_error|invalid_argument|not_found_error'), 'request',
    'user_code'
);

-- What a failed span says that its parents may repeat: its first line, else the class alone.
CREATE OR REPLACE FUNCTION quarterdeck_error_says ${on_cluster} AS (message, type) -> substringUTF8(
    splitByChar('\n', firstNonDefault(message, replaceRegexpOne(type, '^builtins[.]', '')))[1], 1, 250
);

-- Each line that a failed span repeats, and what follows the first and the second ': ' in it, hashed with its id; its id alone,
-- whatever a child says, if it says nothing of its own. Indented lines are frames.
CREATE OR REPLACE FUNCTION quarterdeck_error_repeats ${on_cluster} AS (span, lines, anything) -> arrayMap(
    said -> arrayDistinct(arrayConcat(
        if(anything, [cityHash64(span)], []),
        arrayMap(line -> cityHash64(span, substringUTF8(line, 1, 250)), said),
        arrayMap(line -> cityHash64(span, substringUTF8(replaceRegexpOne(line, '^.*?: ', ''), 1, 250)), said),
        arrayMap(line -> cityHash64(span, substringUTF8(replaceRegexpOne(line, '^.*?: .*?: ', ''), 1, 250)), said)
    )),
    [arrayMap(line -> substringUTF8(line, 1, 600), arraySlice(
        arrayFilter(line -> NOT match(line, '^(?:[ \\t]|Traceback |During handling|The above |$)'), lines), 1, 20
    ))]
)[1];

-- Failed spans, and runs that completed with nothing; an aggregating table only so that a day can be derived anew.
CREATE TABLE IF NOT EXISTS ${db}.failed_spans${L} ${on_cluster} (
    Day Date,
    Fingerprint UInt64,
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)), -- when the span began
    RunId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceId SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    ServiceName SimpleAggregateFunction(any, LowCardinality(String)),
    Environment SimpleAggregateFunction(any, LowCardinality(String)),
    PipelineName SimpleAggregateFunction(any, LowCardinality(String)),
    StepId SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    StepName SimpleAggregateFunction(any, LowCardinality(String)),
    Operation SimpleAggregateFunction(any, LowCardinality(String)),
    ErrorType SimpleAggregateFunction(any, LowCardinality(String)), -- quarterdeck.EmptyOutput for a silent failure
    HttpStatus SimpleAggregateFunction(any, LowCardinality(String)),
    Message SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    UserFrame SimpleAggregateFunction(any, LowCardinality(String)), -- '' where none is known
    ParentSpanId SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    Says SimpleAggregateFunction(any, UInt64) CODEC(ZSTD(1)), -- hash of the parent's id with what is said; 0 if nothing is
    Repeats SimpleAggregateFunction(any, Array(UInt64)) CODEC(ZSTD(1)), -- hashes of its own id with whatever it repeats
    INDEX idx_run_id RunId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ${R}AggregatingMergeTree
PARTITION BY Day
ORDER BY (Day, Fingerprint, Timestamp, RunId, SpanId)
SETTINGS index_granularity = 1024, ${once};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.failed_spans_mv ${on_cluster} TO ${db}.failed_spans${L} AS
SELECT
    toDate(Timestamp) AS Day,
    cityHash64(ErrorType, HttpStatus, quarterdeck_error_text(Message), if(ErrorType = 'quarterdeck.EmptyOutput', PipelineName, UserFrame)) AS Fingerprint,
    Timestamp, RunId, SpanId, TraceId, ServiceName, Environment, PipelineName, StepId, StepName, Operation,
    ErrorType, HttpStatus, Message, UserFrame,
    ParentSpanId,
    if(Message = '' AND Type = '', 0, cityHash64(ParentSpanId, quarterdeck_error_says(Message, Type))) AS Says,
    quarterdeck_error_repeats(SpanId, arrayConcat([Message, StatusMessage], splitByChar('\n', Stack)), Message = '' OR PassedOn) AS Repeats
FROM (
    SELECT
        *,
        multiIf(NOT Failed, 'quarterdeck.EmptyOutput', Type != '', Type, SpanType) AS ErrorType,
        quarterdeck_error_status(SpanAttributes, Message) AS HttpStatus,
        quarterdeck_user_frame(concat(SpanAttributes['code.stacktrace'], '\n', Stack)) AS UserFrame
    FROM (
        SELECT
            Timestamp, RunId, SpanId, ParentSpanId, TraceId, ServiceName, Environment, PipelineName, StepId, StepName, Operation,
            SpanAttributes, StatusMessage,
            ErrorType AS SpanType,
            StatusCode = 'Error' AS Failed,
            Exception['exception.type'] AS Type,
            Exception['exception.stacktrace'] AS Stack,
            ErrorType IN ('quarterdeck_runner.announce.RunFailedError', 'quarterdeck_runner.steps.BlockError') AS PassedOn,
            if(Failed, quarterdeck_error_message(Exception, StatusMessage), 'completed with an empty result') AS Message
        FROM (
            SELECT
                Timestamp, RunId, SpanId, ParentSpanId, TraceId, ServiceName, Environment, PipelineName, StepId, StepName, Operation,
                SpanAttributes, StatusMessage, StatusCode, ErrorType,
                quarterdeck_exception(Events.Name, Events.Attributes) AS Exception
            FROM ${db}.otel_traces${L}
            WHERE StatusCode = 'Error'
                OR (SpanAttributes['quarterdeck.run.status'] = 'completed' AND Payload['quarterdeck.run.output'] IN ('""', '[]', '{}', 'null'))
        )
    )
);
