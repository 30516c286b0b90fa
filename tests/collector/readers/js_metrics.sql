SELECT * FROM (
SELECT MetricName AS name, toString(Value) AS value, toString(IsMonotonic) AS more, Attributes AS attributes
FROM otel_metrics_sum WHERE ServiceName = {service:String}
UNION ALL
SELECT MetricName, toString(Value), '', Attributes FROM otel_metrics_gauge WHERE ServiceName = {service:String}
UNION ALL
SELECT MetricName, toString(Sum), concat(toString(BucketCounts), toString(ExplicitBounds)), Attributes
FROM otel_metrics_histogram WHERE ServiceName = {service:String}
)
ORDER BY name
