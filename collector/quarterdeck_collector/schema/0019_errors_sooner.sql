-- The same errors as those of 0015, sooner: what a span repeats is looked up in the row itself rather than by its id, and
-- around spans that say nothing, which are few, only their own neighbours are looked for.
CREATE OR REPLACE VIEW ${db}.errors ${on_cluster} AS
SELECT
    Day, Fingerprint, Timestamp, RunId, SpanId, ParentSpanId, TraceId, ServiceName, Environment, PipelineName, StepId, StepName,
    Operation, ErrorType, HttpStatus, Message, UserFrame
FROM ${db}.failed_spans
WHERE (
    Says != 0
    OR (SpanId GLOBAL NOT IN (
            SELECT ParentSpanId FROM ${db}.failed_spans
            WHERE ParentSpanId GLOBAL IN (SELECT SpanId FROM ${db}.failed_spans WHERE Says = 0)
        )
        AND ParentSpanId GLOBAL NOT IN (
            SELECT SpanId FROM ${db}.failed_spans
            WHERE Says != 0 AND SpanId GLOBAL IN (SELECT ParentSpanId FROM ${db}.failed_spans WHERE Says = 0)
        )
        AND NOT (quarterdeck_is_model_call(Operation) AND ParentSpanId != '' AND ParentSpanId GLOBAL IN (
            SELECT ParentSpanId FROM ${db}.failed_spans
            WHERE Says != 0 AND quarterdeck_is_model_call(Operation)
                AND ParentSpanId GLOBAL IN (SELECT ParentSpanId FROM ${db}.failed_spans WHERE Says = 0)
        )))
) AND NOT arrayExists(
    repeated -> repeated GLOBAL IN (SELECT arrayJoin([Says, cityHash64(ParentSpanId)]) FROM ${db}.failed_spans WHERE Says != 0),
    Repeats
);
