"""The pages of the two REST interfaces, and their OpenAPI documents, from the applications themselves."""

import json
import tempfile
from pathlib import Path
from typing import Any

from quarterdeck.tokens import Tokens
from quarterdeck_collector.app import create_app as create_collector
from quarterdeck_collector.settings import Settings as CollectorSettings
from quarterdeck_runner.app import create_app as create_runner
from quarterdeck_runner.settings import Settings as RunnerSettings

_INTRO = """# {title}

The whole document, with every field and example: [{file}]({file}) (OpenAPI {version}). {more}

With tokens (`quarterdeck token create`) each request says `Authorization: Bearer …`, but for `/healthz` and `/readyz`.
"""
_MORE = {
    "collector": "OTLP bodies are those of the OpenTelemetry protocol, as protobuf or JSON.",
    "runner": "A running runner shows it at <http://127.0.0.1:8700/docs>. From Python: `quarterdeck.runner_client`.",
}


def pages() -> dict[str, str]:
    """A page and a document for collector and runner, by path."""
    made: dict[str, str] = {}
    for name, document in documents().items():
        file = f"{name}-openapi.json"
        made[f"reference/{file}"] = json.dumps(document, indent=1, ensure_ascii=False)
        made[f"reference/{name}-api.md"] = _page(name, file, document)
    return made


def documents() -> dict[str, dict[str, Any]]:
    """What the applications say of themselves; nothing is started and nothing written."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = Tokens(Path(folder) / "tokens", local=True)
        place = {"data_dir": Path(folder), "_cli_parse_args": False}
        collector = create_collector(CollectorSettings(**place), "http://127.0.0.1:4318", tokens)
        runner = create_runner(RunnerSettings(**place), tokens)
        return {"collector": collector.openapi(), "runner": runner.openapi()}


def _page(name: str, file: str, document: dict[str, Any]) -> str:
    title = f"REST of the {name}"
    parts = [_INTRO.format(title=title, file=file, version=document["openapi"], more=_MORE[name])]
    parts += [
        f"\n## {method.upper()} {path.replace('{', '&#123;')}\n\n{_said(operation)}\n\n{_answers(operation)}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    return "".join(parts)


def _said(operation: dict[str, Any]) -> str:
    description = operation.get("description") or operation.get("summary") or ""
    rows = [
        f"| `{given['name']}` | {given['in']} | {_cell(given.get('description') or '')} |"
        for given in operation.get("parameters", [])
    ]
    table = "\n\n| parameter | in | meaning |\n|---|---|---|\n" + "\n".join(rows) if rows else ""
    return description.replace("<", "&lt;").replace("Args:", "").strip() + table


def _answers(operation: dict[str, Any]) -> str:
    return (
        "Answers: "
        + ", ".join(f"`{code}` {_cell(said['description'])}" for code, said in operation["responses"].items())
        + "\n"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
