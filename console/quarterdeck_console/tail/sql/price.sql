-- What a call costs, USD; NULL where its price is not known.
SELECT quarterdeck_cost(
    {provider:String},
    quarterdeck_price_model({provider:String}, lower({model:String}), now64(9)),
    now64(9),
    {tokens_in:UInt64}, {cache_read:UInt64}, {cache_write:UInt64}, 0, {tokens_out:UInt64}
) AS cost
