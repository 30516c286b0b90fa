-- Prices of models in USD per million tokens, and the dictionary that ingest asks.
-- One row per name a model goes by and per period of time.

CREATE TABLE IF NOT EXISTS ${db}.model_prices_src ${on_cluster} (
    Provider String,
    Model String,
    ValidFrom Date,
    ValidTo Date,
    InputPrice Float64,
    CacheReadPrice Float64,
    CacheWritePrice Float64,
    CacheWriteHourPrice Float64 DEFAULT CacheWritePrice, -- for an hour rather than for minutes
    OutputPrice Float64,
    TierAbove UInt64, -- requests with more input tokens than this pay the Tier… prices; 0: no tier
    TierInputPrice Float64,
    TierCacheReadPrice Float64,
    TierCacheWritePrice Float64,
    TierCacheWriteHourPrice Float64 DEFAULT TierCacheWritePrice,
    TierOutputPrice Float64,
    Source LowCardinality(String), -- 'genai-prices <version>', or anything else for prices entered by hand
    Updated DateTime DEFAULT now()
) ENGINE = ${R}ReplacingMergeTree(${shared}Updated)
ORDER BY (Provider, Model, ValidFrom)
-- Equal prices may come back after others have replaced them.
SETTINGS replicated_deduplication_window = 0;

-- Rates are USD per million tokens of input, cache read, cache write, cache write for an hour, and output; TierRates hold
-- for requests with more than TierAbove input tokens.
CREATE DICTIONARY IF NOT EXISTS ${db}.model_prices ${on_cluster} (
    Provider String,
    Model String,
    ValidFrom Date,
    ValidTo Date,
    Rates Array(Float64),
    TierAbove UInt64,
    TierRates Array(Float64)
)
PRIMARY KEY Provider, Model
SOURCE(CLICKHOUSE(
    QUERY 'SELECT Provider, Model, ValidFrom, ValidTo, [InputPrice, CacheReadPrice, CacheWritePrice, CacheWriteHourPrice, OutputPrice] AS Rates, if(TierAbove = 0, toUInt64(-1), TierAbove) AS TierAbove, [TierInputPrice, TierCacheReadPrice, TierCacheWritePrice, TierCacheWriteHourPrice, TierOutputPrice] AS TierRates FROM ${db}.model_prices_src FINAL'
    ${dict_auth}
))
LAYOUT(COMPLEX_KEY_RANGE_HASHED())
RANGE(MIN ValidFrom MAX ValidTo)
LIFETIME(MIN 300 MAX 600);

-- The first name of the model (in lower case) that has a price: as it is, without path, without date, without '-preview'.
CREATE OR REPLACE FUNCTION quarterdeck_price_model ${on_cluster} AS (provider, model, at) -> arrayFirst(
    name -> dictHas('${db}.model_prices', (provider, name), toDate(at)),
    [
        model,
        replaceRegexpOne(model, '^.*/', ''),
        replaceRegexpAll(model, '^.*/|(-latest|-[0-9]{3}|-[0-9]{2}-[0-9]{2,4}|[-@]20[0-9]{2}-?[0-9]{2}-?[0-9]{2})$', ''),
        replaceRegexpAll(model, '^.*/|-(preview|exp)(-[0-9-]+)?$', '')
    ]
);

-- USD of one call; NULL where the price is not known or nothing was used. Input has the cached tokens in it, cache write
-- those that are written for an hour.
CREATE OR REPLACE FUNCTION quarterdeck_cost ${on_cluster} AS (provider, price_model, at, input, cache_read, cache_write, cache_write_hour, output) -> if(
    price_model = '' OR input + output = 0,
    NULL,
    arrayDotProduct(
        [
            toFloat64(input - least(cache_read + cache_write, input)), toFloat64(cache_read),
            toFloat64(cache_write - least(cache_write_hour, cache_write)), toFloat64(cache_write_hour), toFloat64(output)
        ],
        if(
            input > dictGetOrDefault('${db}.model_prices', 'TierAbove', (provider, price_model), toDate(at), 0),
            dictGetOrDefault('${db}.model_prices', 'TierRates', (provider, price_model), toDate(at), [0., 0., 0., 0., 0.]),
            dictGetOrDefault('${db}.model_prices', 'Rates', (provider, price_model), toDate(at), [0., 0., 0., 0., 0.])
        )
    ) / 1e6
);
