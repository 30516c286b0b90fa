-- Numbers of the windows that hold what lasts from Begin until before End: their ends are {first} + K * {every}.
range(
    toUInt64(greatest(0, ceil((Begin - {first:Int64}) / {every:Int64}))),
    toUInt64(greatest(0, least({count:Float64}, ceil((End - {first:Int64}) / {every:Int64}))))
)
