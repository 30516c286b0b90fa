CREATE TABLE IF NOT EXISTS ${db}.latency_1h ${on_cluster} AS ${db}.latency_1h${L}
ENGINE = Distributed('${cluster}', '${db}', 'latency_1h${L}');
