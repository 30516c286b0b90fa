"""The page of tables, from the same files that the collector applies."""

import re
from importlib import resources

FILES = resources.files("quarterdeck_collector") / "schema"
_STATEMENT = re.compile(r"^CREATE (TABLE|VIEW) IF NOT EXISTS \$\{db\}\.(\w+)", re.MULTILINE)
_INTRO = """# Tables

Made by the collector from these files, in this order, in the embedded ClickHouse, on a server and on a cluster alike.
`${db}` is the database (`QUARTERDECK_DATABASE`); `${R}`, `${L}` and `${on_cluster}` are empty but on a cluster. Applied
files are never edited: an upgrade adds files. `otel_traces`, `otel_logs` and `otel_metrics_*` begin with the columns of
the OpenTelemetry Collector's ClickHouse exporter, so what reads those reads these.

Start with `pipeline_executions`, `step_executions` and `model_calls`.
"""


def page() -> str:
    """The page, as Markdown: which table is in which file, then the files."""
    files = [entry for entry in sorted(FILES.iterdir(), key=lambda entry: entry.name) if _is_migration(entry.name)]
    texts = {entry.name: entry.read_text() for entry in files}
    rows = [
        f"| `{table}` | {kind.lower()} | [{name}](#{_anchor(name)}) |"
        for name, text in texts.items()
        for kind, table in _STATEMENT.findall(text)
    ]
    listing = "\n".join(["| name | kind | file |", "|---|---|---|", *rows])
    shown = "\n".join(
        f"\n## {name} {{ #{_anchor(name)} }}\n\n```sql\n{text.rstrip()}\n```" for name, text in texts.items()
    )
    return f"{_INTRO}\n{listing}\n{shown}\n"


def _is_migration(name: str) -> bool:
    return bool(re.fullmatch(r"\d{4}_\w+\.sql", name))


def _anchor(name: str) -> str:
    return name.removesuffix(".sql")
