-- Errors, each once: failed spans that are no echoes. One that says nothing counts if nobody next to it does: its failed parent
-- speaks for it, a failed child is nearer to the cause, and a call that two libraries recorded is told of by one of them.
CREATE VIEW IF NOT EXISTS ${db}.errors ${on_cluster} AS
SELECT
    Day, Fingerprint, Timestamp, RunId, SpanId, ParentSpanId, TraceId, ServiceName, Environment, PipelineName, StepId, StepName,
    Operation, ErrorType, HttpStatus, Message, UserFrame
FROM ${db}.failed_spans
WHERE (
    Says != 0
    OR (SpanId GLOBAL NOT IN (SELECT ParentSpanId FROM ${db}.failed_spans)
        AND ParentSpanId GLOBAL NOT IN (SELECT SpanId FROM ${db}.failed_spans WHERE Says != 0)
        AND NOT (quarterdeck_is_model_call(Operation) AND ParentSpanId != '' AND ParentSpanId GLOBAL IN (
            SELECT ParentSpanId FROM ${db}.failed_spans WHERE Says != 0 AND quarterdeck_is_model_call(Operation)
        )))
) AND SpanId GLOBAL NOT IN (
    SELECT Span FROM (SELECT SpanId AS Span, arrayJoin(Repeats) AS Repeated FROM ${db}.failed_spans)
    WHERE Repeated GLOBAL IN (SELECT arrayJoin([Says, cityHash64(ParentSpanId)]) FROM ${db}.failed_spans WHERE Says != 0)
);

-- Errors by day and group.
CREATE VIEW IF NOT EXISTS ${db}.error_groups ${on_cluster} AS
SELECT
    *,
    quarterdeck_error_category(ErrorType, lowerUTF8(concat(ErrorType, ' ', Message)), HttpStatus, Operation) AS Category
FROM (
    SELECT
        e.Day AS Day, e.Fingerprint AS Fingerprint, e.PipelineName AS PipelineName, e.StepName AS StepName,
        any(e.Operation) AS Operation,
        any(e.ErrorType) AS ErrorType,
        any(e.HttpStatus) AS HttpStatus,
        any(e.Message) AS Message,
        any(e.UserFrame) AS UserFrame,
        count() AS Errors,
        uniqState(e.RunId) AS Runs,
        min(e.Timestamp) AS FirstSeen,
        max(e.Timestamp) AS LastSeen,
        argMaxState(CAST((e.RunId, e.SpanId), 'Tuple(RunId String, SpanId String)'), e.Timestamp) AS LastSpan
    FROM ${db}.errors AS e
    GROUP BY Day, Fingerprint, PipelineName, StepName
);
