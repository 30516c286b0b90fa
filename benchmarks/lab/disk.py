"""Bytes on disk per span."""

from typing import Final

from lab.asker import Asker

_SMALL: Final = 0.1
"""Columns of fewer bytes a span are summed up."""


def report(asker: Asker) -> str:
    """Give bytes per span of each column of ``otel_traces``, its indexes, and of each derived table."""
    spans = int(asker.value("SELECT count() FROM otel_traces"))
    columns = [(row["Name"], row["Bytes"] / spans) for row in asker.sql("bytes_by_column")]
    tables = [(row["Name"], row["Bytes"] / spans) for row in asker.sql("bytes_by_table")]
    whole = sum(size for _, size in tables)
    lines = [f"bytes on disk per span: {whole:.0f}", "otel_traces by column:"]
    lines += [_line(name, size, whole) for name, size in columns if size >= _SMALL]
    lines.append(_line("others", sum(size for _, size in columns if size < _SMALL), whole))
    lines += ["by table:", *(_line(name, size, whole) for name, size in tables)]
    return "\n".join(lines)


def _line(name: str, size: float, whole: float) -> str:
    return f"  {name:<30}{size:9.1f}{size / whole:9.1%}"
