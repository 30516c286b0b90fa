CREATE TABLE IF NOT EXISTS ${db}.failed_spans ${on_cluster} AS ${db}.failed_spans${L}
ENGINE = Distributed('${cluster}', '${db}', 'failed_spans${L}');
