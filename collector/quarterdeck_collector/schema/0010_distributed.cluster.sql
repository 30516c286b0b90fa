-- On a cluster only: the tables of all nodes under the plain names that views and queries read.
-- The collector writes into the tables …_local of the node it speaks to, so a run may lie on several shards. Where others
-- may insert, the key keeps a trace on one shard, so that the two spans of one call meet; with rand() in it ClickHouse
-- never takes it for a reason to ask one shard only.

CREATE TABLE IF NOT EXISTS ${db}.otel_traces ${on_cluster} AS ${db}.otel_traces${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_traces${L}', cityHash64(TraceId) + ignore(rand()));

CREATE TABLE IF NOT EXISTS ${db}.otel_logs ${on_cluster} AS ${db}.otel_logs${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_logs${L}', rand());

CREATE TABLE IF NOT EXISTS ${db}.live_events ${on_cluster} AS ${db}.live_events${L}
ENGINE = Distributed('${cluster}', '${db}', 'live_events${L}', rand());

CREATE TABLE IF NOT EXISTS ${db}.model_calls ${on_cluster} AS ${db}.model_calls${L}
ENGINE = Distributed('${cluster}', '${db}', 'model_calls${L}');

CREATE TABLE IF NOT EXISTS ${db}.otel_traces_trace_id_ts ${on_cluster} AS ${db}.otel_traces_trace_id_ts${L}
ENGINE = Distributed('${cluster}', '${db}', 'otel_traces_trace_id_ts${L}');

CREATE TABLE IF NOT EXISTS ${db}.runs ${on_cluster} AS ${db}.runs${L}
ENGINE = Distributed('${cluster}', '${db}', 'runs${L}');

CREATE TABLE IF NOT EXISTS ${db}.llm_1m ${on_cluster} AS ${db}.llm_1m${L}
ENGINE = Distributed('${cluster}', '${db}', 'llm_1m${L}');

CREATE TABLE IF NOT EXISTS ${db}.llm_1h ${on_cluster} AS ${db}.llm_1h${L}
ENGINE = Distributed('${cluster}', '${db}', 'llm_1h${L}');
