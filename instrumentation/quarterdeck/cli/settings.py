"""The settings that ``quarterdeck up`` takes and hands to every service it starts.

Precedence: flag, then environment, then default. A flag ``--ui-port`` is the variable
``QUARTERDECK_UI_PORT``; children receive every setting through their environment.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One setting: its name in kebab case, its default as text, and one sentence of help."""

    name: str
    default: str
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that carries it."""
        return "QUARTERDECK_" + self.name.upper().replace("-", "_")


SETTINGS = (
    Setting("data-dir", "./.quarterdeck", "folder of the embedded ClickHouse, the runner's state and the logs"),
    Setting("host", "127.0.0.1", "address that every service listens on"),
    Setting("otlp-http-port", "4318", "port of OTLP/HTTP"),
    Setting("otlp-grpc-port", "4317", "port of OTLP/gRPC"),
    Setting("clickhouse-port", "8123", "port of the embedded ClickHouse's HTTP interface"),
    Setting("clickhouse-url", "", "a ClickHouse server to use instead of the embedded one"),
    Setting("database", "quarterdeck", "ClickHouse database"),
    Setting("runner-port", "8700", "port of the runner's REST API"),
    Setting("runner-db", "", "the runner's SQLite file or Postgres URL; a file in the data folder by default"),
    Setting("pipelines", "", "folder of YAML pipelines; ./pipelines, else the examples by default"),
    Setting("ui-port", "8501", "port of the dashboard"),
)


@dataclass(frozen=True)
class UpOptions:
    """What ``quarterdeck up`` was asked for, defaults filled in."""

    values: Mapping[str, str]
    demo: bool
    browser: bool

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def port(self, name: str) -> int:
        """A port setting as a number."""
        return int(self.values[name])

    def environment(self) -> dict[str, str]:
        """The settings as environment variables for a child; unset ones are left out."""
        return {s.variable: self.values[s.name] for s in SETTINGS if self.values[s.name]}


def parse(argv: Sequence[str], environ: Mapping[str, str] = os.environ, prog: str = "quarterdeck up") -> UpOptions:
    """Read the flags and the environment.

    Raises:
        SystemExit: an unknown flag, or a port that is no number between 1 and 65535.
    """
    parser = argparse.ArgumentParser(
        prog=prog, description="Settings of all services on this machine; flag, then environment, then default."
    )
    for setting in SETTINGS:
        default = environ.get(setting.variable) or setting.default
        shown = f"{setting.help} [{setting.variable}, {default or 'unset'}]"
        parser.add_argument(f"--{setting.name}", default=default, type=_port if _is_port(setting) else str, help=shown)
    parser.add_argument("--demo", action=argparse.BooleanOptionalAction, default=True, help="run the example pipelines")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    found = parser.parse_args(argv)
    values = {s.name: str(getattr(found, s.name.replace("-", "_"))) for s in SETTINGS}
    return UpOptions(values=values, demo=found.demo, browser=not found.no_browser)


def _is_port(setting: Setting) -> bool:
    return setting.name.endswith("-port")


def _port(text: str) -> str:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004 - the last TCP port
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
    return text
