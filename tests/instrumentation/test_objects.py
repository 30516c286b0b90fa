"""Objects of users and of libraries: described by what they hold, without running any of their code."""

import array
import base64
import collections
import enum
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from quarterdeck.bounds import MAX_TEXT_BYTES
from quarterdeck.values import MAX_VALUE_BYTES, plain, to_json

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


class Hostile:
    """Every way of looking at it is recorded, and most of them fail."""

    touched: list[str]

    def __init__(self) -> None:
        self.touched = []
        self.colour = "red"
        self._hidden = "hidden"

    @property
    def lazy(self) -> str:
        self.touched.append("lazy")
        raise RuntimeError("asks a database")

    @cached_property
    def expensive(self) -> str:
        self.touched.append("expensive")
        return "x"

    def __getattr__(self, name: str) -> Any:
        self.__dict__["touched"].append(name)
        raise KeyError(name)

    def __repr__(self) -> str:
        self.touched.append("repr")
        raise RuntimeError("no")

    __str__ = __repr__

    def __len__(self) -> int:
        self.touched.append("len")
        return 1 << 40

    def __iter__(self) -> Iterator[int]:
        self.touched.append("iter")
        while True:
            yield 1

    def __eq__(self, other: object) -> bool:
        self.touched.append("eq")
        raise RuntimeError("no")

    def __hash__(self) -> int:
        self.touched.append("hash")
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        self.touched.append("bool")
        raise RuntimeError("no")


class Proxy:
    """What lazy objects of web frameworks do: they say that they are of another class, and load it when asked."""

    asked: list[str] = []  # noqa: RUF012 - the class itself is what is asked

    @property  # type: ignore[misc] # the point of such proxies
    def __class__(self) -> type:
        self.asked.append("class")
        return str


class Shouting(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")


class LazyDict(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no")

    def __getitem__(self, key: str) -> int:
        raise RuntimeError("no")


class Slotted:
    __slots__ = ("_b", "a", "unset")

    def __init__(self) -> None:
        self.a = 1
        self._b = 2


@dataclass(slots=True)
class SlottedPoint:
    x: int


class Pair(NamedTuple):
    left: int
    right: str


class Level(enum.IntEnum):
    HIGH = 3


class Settings(pydantic.BaseModel, extra="allow"):
    name: str
    key: pydantic.SecretStr
    hidden: str = pydantic.Field(default="h", repr=False)

    @pydantic.field_serializer("name")
    def write(self, value: str) -> str:
        raise RuntimeError(f"{value}: serialisers may be slow")


def test_nothing_of_a_hostile_object_is_run() -> None:
    hostile, proxy = Hostile(), Proxy()
    assert json.loads(to_json({"a": hostile, "b": [hostile], "c": proxy})) == {
        "a": {"type": "Hostile", "touched": [], "colour": "red"},
        "b": [{"type": "Hostile", "touched": [], "colour": "red"}],
        "c": "<Proxy>",
    }
    assert hostile.touched == []
    assert Proxy.asked == []


def test_subclasses_of_texts_numbers_and_collections_are_what_they_hold() -> None:
    values = [Shouting("loud"), LazyDict(a=1), Level.HIGH, Pair(1, "r"), collections.OrderedDict(b=2)]
    assert plain(values) == ["loud", {"a": 1}, 3, {"left": 1, "right": "r"}, {"b": 2}]


def numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Slotted(), {"type": "Slotted", "a": 1}),
        (SlottedPoint(1), {"x": 1}),
        (SimpleNamespace(a=1), {"type": "SimpleNamespace", "a": 1}),
        (threading.Lock(), "<lock>"),
        (numbers(), "<generator numbers>"),
        (partial(plain, budget=None), "<partial of <plain>>"),
        (io.StringIO("x"), "<StringIO>"),
        (Hostile, "<Hostile>"),
        (collections.deque([1, 2]), [1, 2]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({"a": 1}.keys(), ["a"]),
        (range(10**9), "range(0, 1000000000)"),
        (Decimal("1.50"), "1.50"),
        (1 + 2j, "(1+2j)"),
        (
            {(1, "a"): 1, None: 2, b"k": 3}.keys(),
            [[1, "a"], None, {"type": "bytes", "bytes": 1, "sha256": sha256(b"k")}],
        ),
        ({(1, "a"): 1, None: 2}, {'[1,"a"]': 1, "null": 2}),
        (array.array("d", [0.0] * 8), {"type": "array", "bytes": 64, "sha256": sha256(bytes(64))}),
        (memoryview(b"abcd")[::2], {"type": "memoryview", "bytes": 2}),
        (KeyError("k"), {"type": "KeyError", "message": "'k'"}),
        (
            Settings.model_validate({"name": "n", "key": "k", "more": [1]}),
            {"name": "n", "key": "<SecretStr>", "more": [1]},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_of_the_standard_library_and_pydantic(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_arrays_and_tables_are_described_and_only_their_beginning_is_kept() -> None:
    wide = pd.DataFrame(np.zeros((300, 300)))
    assert plain(np.zeros((200, 200))) == {
        "type": "ndarray",
        "shape": [200, 200],
        "dtype": "float64",
        "values": [0.0] * 100,
        "of": 40_000,
    }
    assert plain(np.array(7)) == 7
    assert plain(pd.Series(["a", "b"], dtype=object)) == {
        "type": "Series",
        "shape": [2],
        "dtype": "object",
        "values": ["a", "b"],
    }
    assert plain(pd.Index([1, 2]))["values"] == [1, 2]
    assert plain(pd.Timestamp("2026-01-02")) == "2026-01-02T00:00:00"
    kept = plain(wide)
    assert (kept["shape"], len(kept["columns"]), len(kept["rows"]), len(kept["rows"][0])) == ([300, 300], 100, 100, 100)
    assert plain(pd.DataFrame([[1, 2]], columns=["a", "a"]))["rows"] == [[1, 2]]


def test_a_huge_transposed_array_is_not_copied() -> None:
    import tracemalloc

    big = np.zeros((3_000, 3_000)).T
    tracemalloc.start()
    plain({"big": big})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < big.nbytes / 100


def test_images_and_files_are_type_size_and_hash() -> None:
    image = Image.new("RGB", (2, 1), "red")
    facts = {"type": "image/png", "bytes": len(PNG), "sha256": sha256(PNG)}
    padded = PNG + bytes(200)
    long_facts = {"type": "image/png", "bytes": len(padded), "sha256": sha256(padded)}
    text = base64.b64encode(padded).decode()
    assert plain(image) == {
        "type": "Image",
        "mode": "RGB",
        "size": [2, 1],
        "bytes": 6,
        "sha256": sha256(b"\xff\x00\x00" * 2),
    }
    with Image.open(io.BytesIO(PNG)) as opened:
        lazy = plain(opened)
        assert lazy == {"type": "PngImageFile", "mode": lazy["mode"], "size": [1, 1], "format": "PNG"}
    assert plain(PNG) == facts
    assert plain(bytearray(b"RIFF\x00\x00\x00\x00WAVEfmt "))["type"] == "audio/wav"
    assert plain(f"data:image/png;base64,{text}") == long_facts
    assert plain({"type": "base64", "media_type": "image/png", "data": text}) == {
        "type": "base64",
        "media_type": "image/png",
        "data": long_facts,
    }
    assert plain({"mime_type": "text/plain", "data": "short"}) == {"mime_type": "text/plain", "data": "short"}
    assert plain("data: " + "x" * 300) == "data: " + "x" * 300


def test_of_very_large_binary_data_the_beginning_is_hashed() -> None:
    big = bytes(17_000_000)
    assert plain(big) == {
        "type": "bytes",
        "bytes": 17_000_000,
        "sha256": sha256(big[:16_777_216]),
        "hashed_bytes": 16_777_216,
    }


def test_texts_under_the_name_of_a_secret_are_withheld() -> None:
    withheld = "[redacted:named_secret]"
    given_ = {"password": "p", "db-password": "p", "API_KEY": "k", "apiKey": "k", "max_tokens": 9, "secrets": ["a"]}
    assert plain(given_) == {**given_, **dict.fromkeys(list(given_)[:4], withheld)}
    assert plain(SimpleNamespace(access_token="t", secret=None)) == {
        "type": "SimpleNamespace",
        "access_token": withheld,
        "secret": None,
    }


leaves = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.decimals(),
    st.datetimes(),
    st.complex_numbers(),
    st.builds(Hostile),
    st.builds(Proxy),
    st.builds(Slotted),
    st.builds(threading.RLock),
    st.builds(numbers),
    st.builds(ValueError, st.text()),
    st.builds(np.arange, st.integers(0, 300)),
    st.builds(lambda n: pd.Series(range(n)), st.integers(0, 300)),
    st.builds(lambda text: Settings(name=text, key=pydantic.SecretStr(text)), st.text()),
    st.just("data:image/png;base64," + "é" * 300),
    st.just("x" * (MAX_TEXT_BYTES + 1)),
    st.just(dict.fromkeys(range(1_500))),
)
keys = st.one_of(st.text(), st.integers(), st.none(), st.tuples(st.text()), st.binary())


@settings(deadline=None, max_examples=150)
@given(
    st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner),
            st.dictionaries(keys, inner),
            st.tuples(inner, inner),
            st.builds(lambda item: SimpleNamespace(item=item, again=item), inner),
            st.builds(collections.deque, st.lists(inner)),
        ),
        max_leaves=12,
    )
)
def test_whatever_is_given_the_result_is_bounded_json(value: Any) -> None:
    text = to_json(value)
    json.loads(text)
    assert len(text.encode()) <= MAX_VALUE_BYTES + 1_000_000  # a marker object escapes the beginning it holds
