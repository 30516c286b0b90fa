-- The database, and which migrations it has seen.

CREATE DATABASE IF NOT EXISTS ${db} ${on_cluster};

CREATE TABLE IF NOT EXISTS ${db}.schema_migrations ${on_cluster} (
    version String,
    checksum String,
    applied DateTime64(3) DEFAULT now64(3)
) ENGINE = ${R}MergeTree
ORDER BY version;
