-- What people save: dashboards, alert rules, errors marked as resolved. The newest version of an object counts.
CREATE TABLE IF NOT EXISTS ${db}.saved ${on_cluster} (
    Kind LowCardinality(String),
    Id String,
    Body String CODEC(ZSTD(1)), -- JSON
    Version UInt64, -- nanoseconds since the epoch
    IsDeleted UInt8
) ENGINE = ${R}ReplacingMergeTree(${shared}Version)
ORDER BY (Kind, Id);
