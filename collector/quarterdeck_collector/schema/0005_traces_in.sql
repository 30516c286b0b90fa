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
                dropped_attributes_count UInt32,
                events Array(Tuple(time_unix_nano UInt64, name String, attributes ${attributes})),
                dropped_events_count UInt32,
                links Array(Tuple(trace_id String, span_id String, trace_state String, attributes ${attributes}, flags UInt32)),
                dropped_links_count UInt32,
                status Tuple(message String, code Int32)
            ))
        ))
    ))
) ENGINE = Null;

-- Its analysis is paid at every insert, by the number of expressions and by the depth of their types: the span is taken
-- apart in one place, and events and links share one expansion of quarterdeck_map.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.otlp_traces_in_mv ${on_cluster} TO ${db}.otel_traces${L} AS
SELECT
    Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind,
    resource.1['service.name'] AS ServiceName,
    resource.1 AS ResourceAttributes,
    resource.2 AS ResourceAttributeTypes,
    resource.3 AS ResourceSchemaUrl,
    scope.1 AS ScopeName,
    scope.2 AS ScopeVersion,
    scope.3 AS ScopeAttributes,
    scope.4 AS ScopeAttributeTypes,
    scope.5 AS ScopeSchemaUrl,
    CAST(arrayMap(a -> (a.1, a.2), arrayFilter(a -> NOT a.4, attributes)), 'Map(LowCardinality(String), String)') AS SpanAttributes,
    CAST(arrayMap(a -> (a.1, a.2), arrayFilter(a -> a.4, attributes)), 'Map(LowCardinality(String), String)') AS Payload,
    concat(
        arrayStringConcat(arrayFilter((type, bulky) -> NOT bulky, attributes.3, attributes.4)), '|',
        arrayStringConcat(arrayFilter((type, bulky) -> bulky, attributes.3, attributes.4))
    ) AS SpanAttributeTypes,
    TraceFlags, Duration, StatusCode, StatusMessage,
    `Events.Timestamp`, `Events.Name`,
    arraySlice(others.1, 1, length(`Events.Name`)) AS `Events.Attributes`,
    arraySlice(others.2, 1, length(`Events.Name`)) AS EventAttributeTypes,
    `Links.TraceId`, `Links.SpanId`, `Links.TraceState`,
    arraySlice(others.1, length(`Events.Name`) + 1) AS `Links.Attributes`,
    arraySlice(others.2, length(`Events.Name`) + 1) AS LinkAttributeTypes,
    LinkFlags, DroppedAttributesCount, DroppedEventsCount, DroppedLinksCount
FROM (
    SELECT
        resource, scope,
        quarterdeck_time(span.start_time_unix_nano) AS Timestamp,
        lower(hex(span.trace_id)) AS TraceId,
        lower(hex(span.span_id)) AS SpanId,
        lower(hex(span.parent_span_id)) AS ParentSpanId,
        span.trace_state AS TraceState,
        span.name AS SpanName,
        transform(span.kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
        -- key, text, letter of the type, whether it is bulky
        arrayMap(
            a -> (a.key, quarterdeck_text(a.value), toString(a.value.value), quarterdeck_is_payload(a.key, length(a.value.string_value) + length(a.value.json_value))),
            span.attributes
        ) AS attributes,
        span.flags AS TraceFlags,
        quarterdeck_nanoseconds(greatest(span.end_time_unix_nano, span.start_time_unix_nano)) - quarterdeck_nanoseconds(span.start_time_unix_nano) AS Duration,
        transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
        span.status.message AS StatusMessage,
        arrayMap(at -> quarterdeck_time(at), span.events.time_unix_nano) AS `Events.Timestamp`,
        span.events.name AS `Events.Name`,
        arrayMap(id -> lower(hex(id)), span.links.trace_id) AS `Links.TraceId`,
        arrayMap(id -> lower(hex(id)), span.links.span_id) AS `Links.SpanId`,
        span.links.trace_state AS `Links.TraceState`,
        span.links.flags AS LinkFlags,
        arrayMap(
            held -> (quarterdeck_map(held), quarterdeck_types(held)),
            arrayConcat(span.events.attributes, span.links.attributes)
        ) AS others,
        span.dropped_attributes_count AS DroppedAttributesCount,
        span.dropped_events_count AS DroppedEventsCount,
        span.dropped_links_count AS DroppedLinksCount
    FROM (
        SELECT
            resource,
            (
                scoped.scope.name, scoped.scope.version, quarterdeck_map(scoped.scope.attributes),
                quarterdeck_types(scoped.scope.attributes), scoped.schema_url
            ) AS scope,
            arrayJoin(scoped.spans) AS span
        FROM (
            SELECT
                (quarterdeck_map(whole.resource.attributes), quarterdeck_types(whole.resource.attributes), whole.schema_url) AS resource,
                arrayJoin(whole.scope_spans) AS scoped
            FROM (SELECT arrayJoin(resource_spans) AS whole FROM ${db}.otlp_traces_in)
        )
    )
);
