"""Draw the rooms of the house from its imports, into ARCHITECTURE.md: run it after moving rooms; a test compares."""

import sys
from collections.abc import Iterator
from pathlib import Path

import grimp

PAGE = Path(__file__).parents[1] / "ARCHITECTURE.md"
BEGIN, END = "<!-- drawn by docs/architecture.py -->", "<!-- end of the drawing -->"
PACKAGES = {
    "quarterdeck": "instrumentation/quarterdeck: the SDK",
    "quarterdeck_collector": "collector/quarterdeck_collector",
    "quarterdeck_runner": "runner/quarterdeck_runner",
    "quarterdeck_ui": "ui/quarterdeck_ui",
    "quarterdeck_console": "console/quarterdeck_console",
}


def drawing() -> str:
    """A Mermaid flowchart: packages, their folders, and which imports from which."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    folders = {module for module in graph.modules if graph.find_children(module)}
    lines = ["```mermaid", "flowchart LR"]
    for package, label in PACKAGES.items():
        lines.append(f'  subgraph {package}["{label}"]')
        rooms = sorted(folder for folder in folders if folder == package or folder.startswith(f"{package}."))
        lines += [f'    {_id(room)}["{room.removeprefix(package + ".")}"]' for room in rooms]
        lines.append("  end")
    edges = {(_folder(one, folders), _folder(other, folders)) for one, other in _imports(graph)}
    lines += [f"  {_id(one)} --> {_id(other)}" for one, other in sorted(edges) if one != other]
    return "\n".join([*lines, "```"])


def _imports(graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            yield module, imported


def _folder(module: str, folders: set[str]) -> str:
    return module if module in folders else module.rpartition(".")[0]


def _id(folder: str) -> str:
    return folder.replace(".", "__")


def page_with(picture: str) -> str:
    """The page with its drawing replaced."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n{picture}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(drawing()))
    sys.exit()
