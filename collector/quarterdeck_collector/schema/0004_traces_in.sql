-- What ClickHouse's Protobuf reader makes of an ExportTraceServiceRequest (schema/otlp.proto), and the view that
-- flattens it. The table keeps nothing.

CREATE TABLE IF NOT EXISTS ${db}.otlp_traces_in ${on_cluster} (
    resource_spans Array(Tuple(
        resource Tuple(attributes ${attributes}),
        schema_url String,
        scope_spans Array(Tuple(
            scope Tuple(name String, version String, attributes ${attributes}),
            schema_url String,
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                flags UInt32,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes ${attributes},
                events Array(Tuple(time_unix_nano UInt64, name String, attributes ${attributes})),
                links Array(Tuple(trace_id String, span_id String, trace_state String, attributes ${attributes})),
                status Tuple(message String, code Int32)
            ))
        ))
    ))
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otlp_traces_in_mv ${on_cluster} TO ${db}.otel_traces${L} AS
SELECT
    quarterdeck_time(span.start_time_unix_nano) AS Timestamp,
    lower(hex(span.trace_id)) AS TraceId,
    lower(hex(span.span_id)) AS SpanId,
    lower(hex(span.parent_span_id)) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    resource['service.name'] AS ServiceName,
    resource AS ResourceAttributes,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    quarterdeck_map(arrayFilter(a -> NOT quarterdeck_is_payload(a), span.attributes)) AS SpanAttributes,
    quarterdeck_map(arrayFilter(a -> quarterdeck_is_payload(a), span.attributes)) AS Payload,
    concat(
        quarterdeck_types(arrayFilter(a -> NOT quarterdeck_is_payload(a), span.attributes)), '|',
        quarterdeck_types(arrayFilter(a -> quarterdeck_is_payload(a), span.attributes))
    ) AS SpanAttributeTypes,
    span.flags AS TraceFlags,
    if(span.end_time_unix_nano >= span.start_time_unix_nano, quarterdeck_nanoseconds(span.end_time_unix_nano) - quarterdeck_nanoseconds(span.start_time_unix_nano), 0) AS Duration,
    transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(e -> quarterdeck_time(e.time_unix_nano), span.events) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(e -> quarterdeck_map(e.attributes), span.events) AS `Events.Attributes`,
    arrayMap(l -> lower(hex(l.trace_id)), span.links) AS `Links.TraceId`,
    arrayMap(l -> lower(hex(l.span_id)), span.links) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(l -> quarterdeck_map(l.attributes), span.links) AS `Links.Attributes`
FROM (
    SELECT resource, scoped.scope AS scope, arrayJoin(scoped.spans) AS span
    FROM (
        SELECT quarterdeck_map(whole.resource.attributes) AS resource, arrayJoin(whole.scope_spans) AS scoped
        FROM (SELECT arrayJoin(resource_spans) AS whole FROM ${db}.otlp_traces_in)
    )
);
