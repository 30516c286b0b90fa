"""Every kind of OTLP value, with the text and the type letter that it is stored with."""

import math
from typing import Any

FLAT: dict[str, tuple[Any, str, str]] = {
    "string": ("x", "x", "s"),
    "string.empty": ("", "", "s"),
    "string.unicode": ("žluť 😀\n\t'\"\\", "žluť 😀\n\t'\"\\", "s"),
    "int": (5, "5", "i"),
    "int.zero": (0, "0", "i"),
    "int.min": (-(2**63), str(-(2**63)), "i"),
    "bool.true": (True, "true", "b"),
    "bool.false": (False, "false", "b"),
    "double": (1.5, "1.5", "d"),
    "double.whole": (1.0, "1", "d"),
    "double.tenth": (0.1, "0.1", "d"),
    "double.huge": (1e22, "1e22", "d"),
    "double.tiny": (-2.5e-9, "-2.5e-9", "d"),
    "double.nan": (math.nan, "nan", "d"),
    "double.infinite": (-math.inf, "-inf", "d"),
    "bytes": (b"\x00\xff", "AP8=", "x"),
    "bytes.empty": (b"", "", "x"),
    "array": (["a", 'b"q', "é\n/"], '["a","b\\"q","é\\n/"]', "a"),
    "array.mixed": ([1, False, 2.5, "s", b"\x01"], '[1,false,2.5,"s","AQ=="]', "a"),
    "array.empty": ([], "[]", "a"),
    "nothing": (None, "", "?"),
}
NESTED: dict[str, tuple[Any, str, str]] = {
    "map": ({"a": 1, "b": [True, {"c": "d"}]}, '{"a":1,"b":[true,{"c":"d"}]}', "j"),
    "array.deep": ([[1, 2], "x"], '[[1,2],"x"]', "j"),
}
