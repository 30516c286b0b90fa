"""Bring the price table up to date: the ``genai-prices`` package, and over it the user's own file."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from quarterdeck.price_file import Price, PriceFile, read
from quarterdeck_collector.package_prices import PROVIDER_NAMES
from quarterdeck_collector.store import Store

_PACKAGE: Final = "genai-prices"
_OVER: Final = " over "
_DAY: Final = timedelta(days=1)


class PricesError(Exception):
    """The prices of the package could not be read."""


def load(store: Store, file: Path | None = None) -> str:
    """Bring ``model_prices_src`` and its dictionary to the prices of the installed package and of ``file``.

    Args:
        store: Migrated store.
        file: The user's own prices, which win.

    Returns:
        Name of the source, such as ``genai-prices 0.2.3`` or ``prices.toml 1f2e3d4c over genai-prices 0.2.3``.

    Raises:
        PriceFileError: If the file is wrong.
        PricesError: If the package is.
        StoreError: If the store refuses.
    """
    package = f"{_PACKAGE} {version(_PACKAGE)}"
    own = read(file) if file else PriceFile("", ())
    source = f"{own.source}{_OVER}{package}" if file else package
    table = f"{store.database}.model_prices_src"
    present = {row[0] for row in store.rows(f"SELECT DISTINCT Source FROM {table}")}  # noqa: S608 - the name is ours
    if source not in present:
        fresh = _overlaid(_package_rows(), own.prices)
        store.insert_rows("model_prices_src", [{**row, "Source": source} for row in fresh])
    if any(_ours(name) for name in present - {source}):
        store.command(
            f"ALTER TABLE {table} DELETE WHERE Source != '{source}' "
            f"AND (startsWith(Source, '{_PACKAGE} ') OR Source LIKE '%{_OVER}{_PACKAGE} %') SETTINGS mutations_sync = 2"
        )
    if present != {source}:
        _reload(store, table)
    return source


def _reload(store: Store, table: str) -> None:
    if store.cluster:  # every node reads its own copy
        store.command(f"SYSTEM SYNC REPLICA {store.on_cluster} {table}")
    store.command(f"SYSTEM RELOAD DICTIONARY {store.on_cluster} {store.database}.model_prices")


def _ours(source: str) -> bool:
    return source.startswith(f"{_PACKAGE} ") or f"{_OVER}{_PACKAGE} " in source


def _package_rows() -> list[dict[str, Any]]:
    """Ask a short-lived process: the package takes some 40 MB that this one would never give back."""
    command = [sys.executable, "-m", "quarterdeck_collector.package_prices"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise PricesError(f"the prices of {_PACKAGE} cannot be read: {done.stderr.decode().strip()[-300:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _overlaid(package: Sequence[dict[str, Any]], own: Sequence[Price]) -> Iterator[dict[str, Any]]:
    """Give the user's prices, and those of the package for the days that are left."""
    names: dict[tuple[str, str], set[str]] = {}
    for row in package:
        names.setdefault((row["Provider"], row["Id"]), set()).add(row["Model"])
    taken: dict[tuple[str, str], list[tuple[date, date]]] = {}
    for price in own:
        for key in _keys(price, names):
            taken.setdefault(key, []).append((price.start, price.end))
            yield _row(key, price.start, price.end, price.columns)
    for row in package:
        key = (row["Provider"], row["Model"])
        whole = (date.fromisoformat(row["ValidFrom"]), date.fromisoformat(row["ValidTo"]))
        columns = {name: value for name, value in row.items() if name != "Id"}
        for start, end in _free(whole, sorted(taken.get(key, ()))):
            yield _row(key, start, end, columns)


def _row(key: tuple[str, str], start: date, end: date, columns: Mapping[str, Any]) -> dict[str, Any]:
    return {**columns, "Provider": key[0], "Model": key[1], "ValidFrom": str(start), "ValidTo": str(end)}


def _keys(price: Price, names: Mapping[tuple[str, str], set[str]]) -> Iterator[tuple[str, str]]:
    """Give every name the entry is for: a model that the package knows is meant under all its names."""
    providers = dict.fromkeys(name for given in price.providers for name in PROVIDER_NAMES.get(given, (given,)))
    for provider in providers:
        for model in price.models:
            yield from ((provider, name) for name in dict.fromkeys([model, *sorted(names.get((provider, model), ()))]))


def _free(whole: tuple[date, date], taken: Sequence[tuple[date, date]]) -> Iterator[tuple[date, date]]:
    """Give what is left of a stretch of days when others, in order, are taken out of it."""
    start, end = whole
    for first, last in taken:
        if last < start or first > end:
            continue
        if start < first:
            yield start, first - _DAY
        start = last + _DAY if last < date.max else date.max
    if start <= end:
        yield start, end
