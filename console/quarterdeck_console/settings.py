"""Where the commands of this package ask: flag over environment over default."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quarterdeck.cli.settings import Setting

TOKEN_VARIABLE: Final = "QUARTERDECK_TOKEN"  # noqa: S105 - the name of a variable

ENDPOINT: Final = Setting("endpoint", "http://127.0.0.1:4318", "collector whose live events are followed")
CLICKHOUSE_URL: Final = Setting(
    "clickhouse-url", "http://127.0.0.1:8123", "ClickHouse that is asked: the collector's own, or a server"
)
DATABASE: Final = Setting("database", "quarterdeck", "ClickHouse database that the collector fills")
MCP_PORT: Final = Setting("mcp-port", "8710", "port of the MCP server with --http")

SETTINGS: Final = (ENDPOINT, CLICKHOUSE_URL, DATABASE, MCP_PORT)


@dataclass(frozen=True)
class Place:
    """Where to ask, and with which right.

    Args:
        endpoint: base URL of the collector.
        clickhouse_url: base URL of ClickHouse's HTTP interface.
        database: name of the database.
        token: for a collector that asks for one; empty for none.
    """

    endpoint: str
    clickhouse_url: str
    database: str
    token: str = field(default="", repr=False)


def add_settings(parser: argparse.ArgumentParser, *settings: Setting, environ: Mapping[str, str] = os.environ) -> None:
    """Give a command the flags of settings.

    Args:
        parser: of the command.
        settings: some of :data:`SETTINGS`.
        environ: where the variables are.
    """
    for setting in settings:
        default = environ.get(setting.variable) or setting.default
        shown = f"{setting.help} [{setting.variable}, {_shown(default)}]".replace("%", "%%")
        parser.add_argument(f"--{setting.name}", default=default, help=shown)


def place_of(chosen: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Place:
    """Say where a command asks; settings that it has no flag for come from the environment.

    Args:
        chosen: parsed arguments.
        environ: where the variables are.
    """
    values = (
        getattr(chosen, each.name.replace("-", "_"), None) or environ.get(each.variable) or each.default
        for each in (ENDPOINT, CLICKHOUSE_URL, DATABASE)
    )
    endpoint, clickhouse_url, database = values
    return Place(endpoint.rstrip("/"), clickhouse_url.rstrip("/"), database, environ.get(TOKEN_VARIABLE, ""))


def _shown(default: str) -> str:
    scheme, mark, rest = default.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
