-- How an OTLP AnyValue becomes text. These functions are expanded where they are used, when a view is created:
-- the views do not need them afterwards. They are written (v).field because v.field would name a column.
-- Values nested deeper than an array of scalars stop the insert with OTLP_NESTED_VALUE; the collector then
-- rewrites that one segment so that such values arrive as json_value, and inserts it again.

CREATE OR REPLACE FUNCTION quarterdeck_scalar_json ${on_cluster} AS item -> multiIf(
    (item).value = 's', toJSONString((item).string_value),
    (item).value = 'i', toString((item).int_value),
    (item).value = 'b', toString((item).bool_value),
    (item).value = 'd', toString((item).double_value),
    (item).value = 'x', toJSONString(base64Encode((item).bytes_value)),
    if(throwIf((item).value IN ('a', 'k'), 'OTLP_NESTED_VALUE'), '', 'null')
);

CREATE OR REPLACE FUNCTION quarterdeck_text ${on_cluster} AS v -> multiIf(
    (v).value = 's', (v).string_value,
    (v).value = 'i', toString((v).int_value),
    (v).value = 'b', toString((v).bool_value),
    (v).value = 'd', toString((v).double_value),
    (v).value = 'a', concat('[', arrayStringConcat(arrayMap(one -> quarterdeck_scalar_json(one), ((v).array_value).values), ','), ']'),
    (v).value = 'j', (v).json_value,
    (v).value = 'x', base64Encode((v).bytes_value),
    if(throwIf((v).value = 'k', 'OTLP_NESTED_VALUE'), '', '')
);

CREATE OR REPLACE FUNCTION quarterdeck_map ${on_cluster} AS attributes ->
    CAST(arrayMap(pair -> ((pair).key, quarterdeck_text((pair).value)), attributes), 'Map(LowCardinality(String), String)');

-- One letter per attribute: s(tring) b(ool) i(nt) d(ouble) a(rray) x (bytes) j(son) ? (no value).
CREATE OR REPLACE FUNCTION quarterdeck_types ${on_cluster} AS attributes ->
    arrayStringConcat(CAST(arrayMap(pair -> ((pair).value).value, attributes), 'Array(String)'));

-- Times after 2262, which DateTime64(9) cannot hold, become its last one: sums of Timestamp and Duration then never
-- overflow, and one such span does not cost its request.
CREATE OR REPLACE FUNCTION quarterdeck_nanoseconds ${on_cluster} AS at -> toUInt64(least(at, 9223372036854775807));

CREATE OR REPLACE FUNCTION quarterdeck_time ${on_cluster} AS at ->
    fromUnixTimestamp64Nano(toInt64(quarterdeck_nanoseconds(at)), 'UTC');
