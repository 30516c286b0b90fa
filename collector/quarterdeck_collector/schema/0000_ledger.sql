-- The database, and which migrations it has seen. Like all small tables it is the same on every node of a cluster.

CREATE DATABASE IF NOT EXISTS ${db} ${on_cluster};

CREATE TABLE IF NOT EXISTS ${db}.schema_migrations ${on_cluster} (
    version String,
    checksum String,
    cluster String, -- that the tables were made for; '' for a single node
    applied DateTime64(3) DEFAULT now64(3)
) ENGINE = ${R}ReplacingMergeTree(${shared}applied)
ORDER BY version;
