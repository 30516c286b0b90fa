"""The page that ``make bench`` writes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from lab.page import machine, page, programs, run

WON = '''"""How fast is it?

More words.
"""
if __name__ == "__main__":
    import sys

    print("ours   3 ms")
    print("ratio  0.50 | promise kept")
    sys.stderr.write("please wait")
'''
LOST = '"""Does it hold?"""\nif __name__ == "__main__":\n    raise SystemExit("it does not")\n'


def test_ratios_come_first_then_what_each_benchmark_printed_and_failures_are_told(tmp_path: Path) -> None:
    (tmp_path / "won.py").write_text(WON)
    (tmp_path / "lost.py").write_text(LOST)
    (tmp_path / "shared.py").write_text("HELP = 1\n")
    results = [run(program, tmp_path) for program in programs(tmp_path)]
    table, _, raw = page({"cores": "2"}, results).partition("\n## lost\n")

    assert [
        line.rpartition(" | ")[0].rpartition(" | ")[0] for line in table.splitlines() if line.startswith("| [")
    ] == [
        "| [lost](#lost) | **failed with 1**: [log](lost.log)<br>",
        "| [won](#won) | ratio 0.50 \\| promise kept",
    ]
    assert "## won\n\nHow fast is it?\n\n`python benchmarks/won.py`\n\n```text\nours   3 ms\nratio  0.50 |" in raw
    assert ((tmp_path / "won.log").read_text(), (tmp_path / "lost.log").read_text()) == ("please wait", "it does not\n")
    assert all(machine().values())


def test_a_benchmark_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "won.py").write_text(WON)
    with pytest.raises(SystemExit, match="no benchmark is called wun; there are won"):
        programs(tmp_path, ["wun"])
