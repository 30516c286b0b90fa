"""``quarterdeck doctor``: what is installed, what listens, what is missing, and what to do about it."""

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from quarterdeck.cli.processes import port_is_free
from quarterdeck.cli.settings import UpOptions, parse
from quarterdeck.cli.stand_in import missing_keys

_EXTRAS = {
    "collector": ("chdb", "fastapi"),
    "runner": ("dbos", "anthropic", "google-genai"),
    "ui": ("streamlit",),
    "mcp": ("mcp",),
}
_ENOUGH_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        level: ``ok``, ``note`` (works, but look) or ``problem``.
        subject: what was looked at.
        text: what was found, and for a problem what to do.
    """

    level: str
    subject: str
    text: str


_MARKS = {"ok": "✓", "note": "·", "problem": "✗"}


def main(argv: Sequence[str]) -> int:
    """Print the report; exit code 1 when something needs doing."""
    findings = list(examine(parse(argv, prog="quarterdeck doctor")))
    for finding in findings:
        print(f"{_MARKS[finding.level]} {finding.subject:<12} {finding.text}")  # noqa: T201 - a report goes to the terminal
    return int(any(finding.level == "problem" for finding in findings))


def examine(options: UpOptions) -> Iterator[Finding]:
    """Look at everything that ``quarterdeck up`` needs, changing nothing."""
    yield _python()
    yield from _packages()
    yield _data_folder(Path(options["data-dir"]))
    yield from _services(options)
    yield from _keys()


def _python() -> Finding:
    return Finding("ok", "python", f"{sys.version.split()[0]} at {sys.executable}")


def _packages() -> Iterator[Finding]:
    for extra, distributions in _EXTRAS.items():
        absent = [name for name in distributions if _version(name) is None]
        if absent:
            fix = f"{', '.join(absent)} not installed: pip install 'quarterdeck[{extra}]'"
            yield Finding("note", extra, fix)
        else:
            yield Finding("ok", extra, ", ".join(f"{name} {_version(name)}" for name in distributions))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _data_folder(folder: Path) -> Finding:
    existing = next((p for p in [folder, *folder.resolve().parents] if p.exists()), Path("/"))
    if not existing.is_dir():
        return Finding("problem", "data folder", f"{existing} is a file: choose another with --data-dir")
    if not os.access(existing, os.W_OK):
        return Finding("problem", "data folder", f"{existing} is not writable: choose another with --data-dir")
    free = shutil.disk_usage(existing).free
    text = f"{folder.resolve()}, {free / 1e9:.0f} GB free"
    if free < _ENOUGH_BYTES:
        return Finding("problem", "data folder", f"{text}: free some space or choose another with --data-dir")
    return Finding("ok", "data folder", text)


def _services(options: UpOptions) -> Iterator[Finding]:
    places = [
        ("collector", "otlp-http-port", "/readyz"),
        ("runner", "runner-port", "/readyz"),
        ("ui", "ui-port", "/_stcore/health"),
    ]
    if options["clickhouse-url"]:
        yield _clickhouse(options["clickhouse-url"])
    else:
        places.insert(1, ("clickhouse", "clickhouse-port", "/ping"))
    for name, setting, path in places:
        yield _service(name, options["host"], options.port(setting), setting, path)
    yield _grpc(options)


def _clickhouse(url: str) -> Finding:
    ready, text = _ask(url.rstrip("/") + "/ping")
    if ready:
        return Finding("ok", "clickhouse", f"{url} answers")
    return Finding(
        "problem", "clickhouse", f"{url}: {text}; start it, or unset QUARTERDECK_CLICKHOUSE_URL to use the embedded one"
    )


def _service(name: str, host: str, port: int, setting: str, path: str) -> Finding:
    subject = f"{name} port" if name == "ui" else name
    if port_is_free(host, port):
        return Finding("note", subject, f"port {port} is free, nothing runs there (quarterdeck up starts it)")
    ready, text = _ask(f"http://{host}:{port}{path}")
    if ready:
        return Finding("ok", subject, f"http://{host}:{port} is ready")
    return Finding(
        "problem",
        subject,
        f"port {port} is taken, but {path} says: {text}; see its log, or choose another with --{setting}",
    )


def _grpc(options: UpOptions) -> Finding:
    """GRPC cannot be asked over HTTP: the port belongs to the collector if that one is there."""
    host, port = options["host"], options.port("otlp-grpc-port")
    if port_is_free(host, port):
        return Finding("note", "OTLP/gRPC", f"port {port} is free, nothing runs there (quarterdeck up starts it)")
    if port_is_free(host, options.port("otlp-http-port")):
        return Finding(
            "problem", "OTLP/gRPC", f"port {port} is taken by another program; choose another with --otlp-grpc-port"
        )
    return Finding("ok", "OTLP/gRPC", f"port {port} is taken, as it should be while the collector runs")


def _ask(url: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - the addresses of the user's own services
            return True, str(response.status)
    except urllib.error.HTTPError as error:
        return False, _reasons(error.read()) or f"HTTP {error.code}"
    except (urllib.error.URLError, OSError) as error:
        return False, str(getattr(error, "reason", error))


def _reasons(body: bytes) -> str:
    try:
        checks = json.loads(body).get("checks", {})
        return "; ".join(f"{name}: {check['reason']}" for name, check in checks.items() if not check["ok"])
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""


def _keys() -> Iterator[Finding]:
    missing = missing_keys()
    for provider in ("anthropic", "gemini"):
        if provider in missing:
            variable = "ANTHROPIC_API_KEY" if provider == "anthropic" else "GEMINI_API_KEY"
            yield Finding(
                "note", provider, f"no key: the demo uses the local stand-in; set {variable} for the real one"
            )
        else:
            yield Finding("ok", provider, "a key is set")
