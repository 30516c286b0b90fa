import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.values import MAX_TEXT_BYTES, bounded, cut, plain, to_json


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    secret: str = field(default="s", repr=False)


class Model(pydantic.BaseModel):
    name: str = "n"


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Plain:
    def __init__(self) -> None:
        self.a = 1
        self._b = 2


def test_every_kind_of_value_has_a_json_form() -> None:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    values = {
        "text": "é",
        "number": 2**70,
        "nan": float("nan"),
        "enum": Colour.RED,
        "date": datetime(2026, 1, 2, tzinfo=UTC),
        "delta": timedelta(seconds=1),
        "path": PurePosixPath("a/b"),
        "uuid": UUID(int=1),
        "bytes": b"ab",
        "point": Point(1),
        "model": Model(),
        "rude": Rude(),
        "plain": Plain(),
        "array": np.arange(3),
        "scalar": np.float64(1.5),
        "frame": pd.DataFrame({"a": [1, 2]}),
        "cycle": cycle,
        "function": to_json,
        "error": ValueError("v"),
        7: {"tuple": (1, None, True)},
    }
    assert json.loads(to_json(values)) == {
        "text": "é",
        "number": "0x400000000000000000",
        "nan": "nan",
        "enum": "red",
        "date": "2026-01-02T00:00:00+00:00",
        "delta": "0:00:01",
        "path": "a/b",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "bytes": {"type": "bytes", "bytes": 2, "sha256": hashlib.sha256(b"ab").hexdigest()},
        "point": {"x": 1},
        "model": {"name": "n"},
        "rude": "<Rude>",
        "plain": {"type": "Plain", "a": 1},
        "array": {"type": "ndarray", "shape": [3], "dtype": "int64", "values": [0, 1, 2]},
        "scalar": 1.5,
        "frame": {"type": "DataFrame", "shape": [2, 1], "columns": ["a"], "rows": [[1], [2]]},
        "cycle": [1, "<cycle>"],
        "function": "<to_json>",
        "error": {"type": "ValueError", "message": "v"},
        "7": {"tuple": [1, None, True]},
    }


def test_a_long_text_is_cut_with_a_visible_marker() -> None:
    text = "é" * MAX_TEXT_BYTES
    raw = text.encode()
    short = cut(text)
    assert short.startswith("é" * 1000)
    assert short.endswith(
        f"…[truncated: kept {MAX_TEXT_BYTES} of {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}]"
    )
    assert cut("short") == "short"


def test_a_large_value_becomes_a_marker_object_that_is_still_json() -> None:
    value = [list(range(100)) for _ in range(100)]
    whole = json.dumps(value, separators=(",", ":"))
    found = json.loads(to_json(value, limit=1_000))
    assert found == {
        "quarterdeck.truncated": {
            "kept_bytes": 1_000,
            "original_bytes": len(whole),
            "sha256": hashlib.sha256(whole.encode()).hexdigest(),
        },
        "text": whole[:1_000],
    }
    assert bounded("{}", 10) == "{}"


def test_long_collections_and_deep_ones_say_what_is_missing() -> None:
    deep: list[Any] = []
    for _ in range(50):
        deep = [deep]
    assert plain(range(3)) == "range(0, 3)"
    assert plain(list(range(1_002)))[-1] == "… 2 more of 1002"
    assert plain(dict.fromkeys(range(1_002)))["…"] == "2 more of 1002"
    assert "too deep" in to_json(deep)


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\U0001f600"])
def test_odd_texts_can_be_encoded(text: str) -> None:
    to_json({text: text}).encode("utf-8")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_whatever_is_given_the_result_is_json(value: Any) -> None:
    json.loads(to_json(value))
