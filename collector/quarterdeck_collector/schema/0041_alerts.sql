-- How alert rules stand, what has happened to them, and who was told. Rules themselves are saved objects.

-- One row per rule: the newest version counts.
CREATE TABLE IF NOT EXISTS ${db}.alert_states ${on_cluster} (
    RuleId String,
    Name String,
    Severity LowCardinality(String),
    Status LowCardinality(String), -- ok, pending, firing, no data
    Since DateTime64(3),
    Value Nullable(Float64),
    Score Nullable(Float64), -- what is compared with the threshold: the value, or its distance from the usual
    Detail String,
    Problem String, -- why it cannot be watched; '' where it can
    MutedUntil DateTime64(3),
    Recent Array(Tuple(DateTime64(3), Nullable(Float64))),
    State String CODEC(ZSTD(1)), -- JSON: what the next look needs to know
    Evaluated DateTime64(3),
    IsRemoved UInt8,
    Version UInt64
) ENGINE = ${R}ReplacingMergeTree(${shared}Version)
ORDER BY RuleId;

-- What was told, or would have been but for a mute. An event that was made again after a crash has the same id.
CREATE TABLE IF NOT EXISTS ${db}.alert_events ${on_cluster} (
    Id String,
    RuleId String,
    Name String,
    Severity LowCardinality(String),
    What LowCardinality(String), -- firing, reminder, resolved
    Incident UInt32,
    At DateTime64(3),
    Value Nullable(Float64),
    IsMuted UInt8,
    Reason String,
    Title String,
    Channels Array(String),
    Message String CODEC(ZSTD(1)), -- JSON: what channels are given
    Recorded DateTime64(3) DEFAULT now64(3)
) ENGINE = ${R}ReplacingMergeTree(${shared}Recorded)
ORDER BY Id
TTL toDateTime(At) + INTERVAL 400 DAY;

-- What became of an event in each of its channels; where there is no row, or one that says 'waiting', it is still to be
-- delivered.
CREATE TABLE IF NOT EXISTS ${db}.alert_deliveries ${on_cluster} (
    EventId String,
    Channel String,
    Status LowCardinality(String), -- delivered, waiting, failed
    Attempts UInt32,
    Reason String,
    At DateTime64(3),
    Version UInt64
) ENGINE = ${R}ReplacingMergeTree(${shared}Version)
ORDER BY (EventId, Channel)
TTL toDateTime(At) + INTERVAL 400 DAY;

-- Which collectors would evaluate: of those that were heard of lately, the one that joined first does.
CREATE TABLE IF NOT EXISTS ${db}.alert_evaluators ${on_cluster} (
    Holder String,
    Joined DateTime64(3),
    Heard DateTime64(3)
) ENGINE = ${R}ReplacingMergeTree(${shared}Heard)
ORDER BY Holder
TTL toDateTime(Heard) + INTERVAL 1 DAY;
