"""The page of all settings, from the models that read them."""

from collections.abc import Iterator
from importlib import import_module

from pydantic.fields import FieldInfo

from quarterdeck.cli.settings import SETTINGS

SERVICES = {"collector": "quarterdeck_collector", "runner": "quarterdeck_runner", "ui": "quarterdeck_ui"}
_INTRO = """# Settings

Flag, then environment variable, then default. The flag of `QUARTERDECK_UI_PORT` is `--ui-port`. Secrets
come from the environment only: flags are in the list of processes.
"""
_HEAD = "\n| variable | default | meaning |\n|---|---|---|\n"


def page() -> str:
    """The page, as Markdown: `quarterdeck up`, then a table for each service."""
    shared = "".join(_row(each.variable, each.default, each.help) for each in SETTINGS)
    parts = [_INTRO, f"\n## quarterdeck up {{ #up }}\n\nIt hands these to the services.\n{_HEAD}{shared}"]
    parts += [f"\n## {name}\n{_HEAD}{''.join(_rows(package))}" for name, package in SERVICES.items()]
    return "".join(parts)


def _rows(package: str) -> Iterator[str]:
    fields = import_module(f"{package}.settings").Settings.model_fields
    for name, field in fields.items():
        yield _row(f"QUARTERDECK_{name.upper()}", _default(field), field.description or "")


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return ""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _row(variable: str, default: str, meaning: str) -> str:
    shown = f"`{default}`" if default else ""
    return f"| `{variable}` | {shown} | {_cell(meaning)} |\n"


def _cell(text: str) -> str:
    """Text that stays within its cell: bars and angle brackets are Markdown's."""
    return text.replace("|", "\\|").replace("<", "&lt;")
