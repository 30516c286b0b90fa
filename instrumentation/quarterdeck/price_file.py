"""The user's own prices: a TOML file that wins over the ``genai-prices`` package.

::

    [[price]]
    provider = "acme"            # or a list; as spans name it, or as genai-prices does
    model = ["acme-1", "acme-1-mini"]
    input = 3.0                  # USD per million tokens
    output = 15.0
    cache_read = 0.3             # an ordinary input token where not given
    cache_write = 3.75
    cache_write_1h = 6.0         # as cache_write where not given
    valid_from = 2026-01-01      # always, where not given
    valid_to = 2026-06-30        # the last day
    tier = {above = 200_000, input = 6.0, output = 22.5}   # requests with more input tokens than that
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2149, 6, 6)
"""What ClickHouse's Date can hold."""

KINDS: Final = {
    "input": "Input",
    "output": "Output",
    "cache_read": "CacheRead",
    "cache_write": "CacheWrite",
    "cache_write_1h": "CacheWriteHour",
}
"""Key of the file: beginning of the column's name."""

_KEYS: Final = frozenset({"provider", "model", *KINDS, "valid_from", "valid_to", "tier"})
_TIER_KEYS: Final = frozenset({"above", *KINDS})


class PriceFileError(ValueError):
    """A price file that cannot be used; the message names file, entry and key."""


@dataclass(frozen=True)
class Price:
    """One entry.

    Args:
        providers: Names of the provider, lower case.
        models: Names of the model, lower case.
        start: First day.
        end: Last day.
        columns: Values of the price table.
    """

    providers: Sequence[str]
    models: Sequence[str]
    start: date
    end: date
    columns: Mapping[str, float]


@dataclass(frozen=True)
class PriceFile:
    """A file that was read.

    Args:
        source: Its name and a hash of its content.
        prices: Its entries.
    """

    source: str
    prices: Sequence[Price]


def read(path: Path) -> PriceFile:
    """Read and check a price file.

    Raises:
        PriceFileError: If it cannot be read, or an entry is wrong.
    """
    try:
        data = path.read_bytes()
        document = tomllib.loads(data.decode())
    except OSError as error:
        raise PriceFileError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PriceFileError(f"{path} is no TOML: {error}") from error
    entries = document.pop("price", [])
    if document or not isinstance(entries, list):
        raise PriceFileError(f"{path}: only [[price]] entries are known, not {', '.join(document) or '[price]'}")
    prices = [_Entry(f"{path}, price {number}", entry).price() for number, entry in enumerate(entries, start=1)]
    _refuse_overlaps(path, prices)
    return PriceFile(f"{path.name} {hashlib.sha256(data).hexdigest()[:8]}", prices)


def _refuse_overlaps(path: Path, prices: Sequence[Price]) -> None:
    seen: dict[tuple[str, str], list[tuple[Price, int]]] = {}
    for number, price in enumerate(prices, start=1):
        for key in [(provider, model) for provider in price.providers for model in price.models]:
            for other, earlier in seen.setdefault(key, []):
                if price.start <= other.end and other.start <= price.end:
                    raise PriceFileError(f"{path}, price {number}: {key[1]} has a price in price {earlier} already")
            seen[key].append((price, number))


@dataclass(frozen=True)
class _Entry:
    where: str
    given: Any

    def price(self) -> Price:
        if not isinstance(self.given, dict):
            raise PriceFileError(f"{self.where} must be a table: begin it with [[price]]")
        self._refuse_unknown(self.given, _KEYS, "")
        start, end = self._day("valid_from", FIRST_DAY), self._day("valid_to", LAST_DAY)
        if end < start:
            raise PriceFileError(f"{self.where}: valid_to lies before valid_from")
        return Price(self._names("provider"), self._names("model"), start, end, self._columns())

    def _refuse_unknown(self, given: dict[str, Any], known: frozenset[str], prefix: str) -> None:
        if strange := sorted(set(given) - known):
            names = ", ".join(sorted(known))
            raise PriceFileError(f"{self.where}: {prefix}{strange[0]} is not known; known are {names}")

    def _names(self, key: str) -> Sequence[str]:
        value = self.given.get(key)
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise PriceFileError(f"{self.where}: {key} must be a name or a list of names")
        return [name.lower() for name in names]

    def _day(self, key: str, default: date) -> date:
        value = self.given.get(key, default)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise PriceFileError(f"{self.where}: {key} must be a date such as 2026-01-31, without quotes")
        return min(max(value, FIRST_DAY), LAST_DAY)

    def _columns(self) -> dict[str, float]:
        base = self._kinds(self.given, "", dict.fromkeys(KINDS))
        tier = self.given.get("tier", {"above": 0})
        if not isinstance(tier, dict) or not isinstance(tier.get("above"), int) or tier["above"] < 0:
            raise PriceFileError(f"{self.where}: tier must look like {{above = 200_000, input = 6.0, output = 22.5}}")
        self._refuse_unknown(tier, _TIER_KEYS, "tier.")
        higher = self._kinds(tier, "tier.", base)
        columns: dict[str, float] = {"TierAbove": tier["above"]}
        for key, name in KINDS.items():
            columns[f"{name}Price"], columns[f"Tier{name}Price"] = base[key], higher[key]
        return columns

    def _kinds(self, given: dict[str, Any], prefix: str, otherwise: Mapping[str, Any]) -> dict[str, float]:
        found = {key: self._amount(given, prefix, key, otherwise[key]) for key in KINDS}
        if found["input"] is None and found["output"] is None:
            raise PriceFileError(f"{self.where}: give input, output or both, in USD per million tokens")
        for key, as_of in (("cache_read", "input"), ("cache_write", "input"), ("cache_write_1h", "cache_write")):
            if found[key] is None:
                found[key] = found[as_of]
        return {key: value or 0.0 for key, value in found.items()}

    def _amount(self, given: dict[str, Any], prefix: str, key: str, otherwise: float | None) -> float | None:
        value = given.get(key, otherwise)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise PriceFileError(f"{self.where}: {prefix}{key} must be a number, USD per million tokens, not {value!r}")
        return float(value)
