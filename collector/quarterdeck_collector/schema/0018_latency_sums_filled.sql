-- What was stored before the table was made, read in the order of time so that little of it is in memory at once. Emptied
-- first: an attempt that was interrupted may have filled a part. Of a cluster, one node takes the past of all: it is little.
TRUNCATE TABLE ${db}.latency_1h${L} ${on_cluster};

INSERT INTO ${db}.latency_1h${L}
SELECT ${latency_sums}
FROM ${db}.llm_1h AS h
GROUP BY Time, ServiceName, Environment
SETTINGS optimize_aggregation_in_order = 1, max_partitions_per_insert_block = 0, insert_deduplicate = 0;
