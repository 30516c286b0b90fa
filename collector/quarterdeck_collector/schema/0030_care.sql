-- Days whose derived tables do not agree with the spans until they are rebuilt: written down before an operation touches
-- the rows, so that one that was interrupted is finished at the next start.
CREATE TABLE IF NOT EXISTS ${db}.rebuilds ${on_cluster} (
    Day Date,
    Pending UInt8,
    Changed DateTime64(9) DEFAULT now64(9)
) ENGINE = ${R}ReplacingMergeTree(${shared}Changed)
ORDER BY Day;
