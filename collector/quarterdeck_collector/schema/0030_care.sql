-- What purge and reprice need.

-- Days whose derived tables do not agree with the spans until they are rebuilt: written down before an operation touches
-- the rows, so that one that was interrupted is finished at the next start.
CREATE TABLE IF NOT EXISTS ${db}.rebuilds ${on_cluster} (
    Day Date,
    Pending UInt8,
    Changed DateTime64(9) DEFAULT now64(9)
) ENGINE = ${R}ReplacingMergeTree(Changed)
ORDER BY Day;

-- What a call would cost by today's price table; Cost is what it did cost when it came, until it is repriced.
ALTER TABLE ${db}.model_calls${L} ${on_cluster}
    ADD COLUMN IF NOT EXISTS CurrentPriceModel String ALIAS quarterdeck_price_model(toString(Provider), lower(toString(Model)), Timestamp);

ALTER TABLE ${db}.model_calls${L} ${on_cluster}
    ADD COLUMN IF NOT EXISTS CurrentCost Nullable(Float64) ALIAS quarterdeck_cost(toString(Provider), CurrentPriceModel, Timestamp, InputTokens, CacheReadTokens, CacheWriteTokens, CacheWriteHourTokens, OutputTokens);
