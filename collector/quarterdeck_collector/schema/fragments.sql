-- Texts with names: the text of each fragment replaces ${name} in the migrations.

-- fragment case
Enum8('?' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'x' = 7, 'j' = 20)

-- fragment scalar
Tuple(
    string_value String, bool_value Bool, int_value Int64, double_value Float64,
    array_value String, kvlist_value String, bytes_value String, value ${case}
)

-- fragment any_value
Tuple(
    string_value String, bool_value Bool, int_value Int64, double_value Float64,
    kvlist_value String, bytes_value String, json_value String,
    array_value Tuple(values Array(${scalar})), value ${case}
)

-- fragment attributes
Array(Tuple(key LowCardinality(String), value ${any_value}))
