"""Code blocks of Markdown pages, and the fixed ports in them."""

import re
from collections.abc import Mapping
from pathlib import Path

Block = tuple[str, str]
"""Language and text."""

STANDARD_PORTS = {"otlp-http": "4318", "otlp-grpc": "4317", "clickhouse": "8123", "runner": "8700", "ui": "8501"}


def blocks_of(page: Path) -> list[Block]:
    """Every code block of a page, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def at_these_ports(text: str, ports: Mapping[str, int]) -> str:
    """A block as it is on other ports than the standard ones."""
    for name, port in ports.items():
        text = text.replace(f"127.0.0.1:{STANDARD_PORTS[name]}", f"127.0.0.1:{port}")
    return text


def pipeline_file(block: str) -> str:
    """The name of the file that a YAML block says it is."""
    named = re.match(r"# pipelines/(\S+)", block)
    assert named, f"a YAML block starts with the comment '# pipelines/NAME.yaml': {block[:40]!r}"
    return named[1]
