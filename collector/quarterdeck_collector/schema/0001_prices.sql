-- Prices of models in USD per million tokens, and the dictionary that ingest asks.
-- One row per name a model goes by and per period of time. ${dict_auth} carries user and password of a server.

CREATE TABLE IF NOT EXISTS ${db}.model_prices_src ${on_cluster} (
    Provider String,
    Model String,
    ValidFrom Date,
    ValidTo Date,
    InputPrice Float64,
    CacheReadPrice Float64,
    CacheWritePrice Float64,
    OutputPrice Float64,
    TierAbove UInt64, -- requests with more input tokens than this pay the Tier… prices; 0: no tier
    TierInputPrice Float64,
    TierCacheReadPrice Float64,
    TierCacheWritePrice Float64,
    TierOutputPrice Float64,
    Source LowCardinality(String), -- 'genai-prices <version>', or anything else for prices entered by hand
    Updated DateTime DEFAULT now()
) ENGINE = ${R}ReplacingMergeTree(Updated)
ORDER BY (Provider, Model, ValidFrom);

CREATE DICTIONARY IF NOT EXISTS ${db}.model_prices ${on_cluster} (
    Provider String,
    Model String,
    ValidFrom Date,
    ValidTo Date,
    InputPrice Float64,
    CacheReadPrice Float64,
    CacheWritePrice Float64,
    OutputPrice Float64,
    TierAbove UInt64,
    TierInputPrice Float64,
    TierCacheReadPrice Float64,
    TierCacheWritePrice Float64,
    TierOutputPrice Float64
)
PRIMARY KEY Provider, Model
SOURCE(CLICKHOUSE(
    QUERY 'SELECT Provider, Model, ValidFrom, ValidTo, InputPrice, CacheReadPrice, CacheWritePrice, OutputPrice, TierAbove, TierInputPrice, TierCacheReadPrice, TierCacheWritePrice, TierOutputPrice FROM ${db}.model_prices_src FINAL'
    ${dict_auth}
))
LAYOUT(COMPLEX_KEY_RANGE_HASHED())
RANGE(MIN ValidFrom MAX ValidTo)
LIFETIME(MIN 300 MAX 600);
