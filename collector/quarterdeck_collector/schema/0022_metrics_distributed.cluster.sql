-- On a cluster only: the metrics of all nodes under the plain names.

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_gauge ${on_cluster} AS ${db}.otel_metrics_gauge${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_metrics_gauge${L}', rand());

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_sum ${on_cluster} AS ${db}.otel_metrics_sum${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_metrics_sum${L}', rand());

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_histogram ${on_cluster} AS ${db}.otel_metrics_histogram${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_metrics_histogram${L}', rand());

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_exponential_histogram ${on_cluster} AS ${db}.otel_metrics_exponential_histogram${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_metrics_exponential_histogram${L}', rand());

CREATE TABLE IF NOT EXISTS ${db}.otel_metrics_summary ${on_cluster} AS ${db}.otel_metrics_summary${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_metrics_summary${L}', rand());
