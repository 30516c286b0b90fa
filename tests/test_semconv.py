"""One file owns every name: none is dead, and SQL spells only names that it has."""

import re
from pathlib import Path

import pytest

from quarterdeck import semconv

ROOT = Path(__file__).parents[1]
PACKAGES = ("instrumentation/quarterdeck", "collector/quarterdeck_collector", "runner/quarterdeck_runner")
VALUES = ("PROVIDER_", "OPERATION_")
"""Prefixes of what an attribute may say; everything else is the name of something."""
NAMES = {
    name: value
    for name, value in vars(semconv).items()
    if isinstance(value, str)
    and (name in {"PROVIDER_NAME", "PROVIDER_STAND_IN", "OPERATION_NAME"} or not name.startswith(VALUES))
    and name.isupper()
}


def sources(suffix: str, *folders: str) -> str:
    files = (file for folder in folders for file in sorted((ROOT / folder).rglob(f"*{suffix}")))
    return "\n".join(file.read_text() for file in files if file.name != "semconv.py")


READERS = ("ui/quarterdeck_ui", "console/quarterdeck_console")
PYTHON = sources(".py", *PACKAGES, *READERS)
SQL = sources(".sql", "collector/quarterdeck_collector", *READERS)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_used(name: str) -> None:
    assert re.search(rf"\bsemconv\.{name}\b", PYTHON) or f"'{NAMES[name]}'" in SQL


def test_sql_spells_only_names_that_exist() -> None:
    spelled = set(re.findall(r"'(quarterdeck\.[a-z_.]+)'", SQL))
    assert spelled - set(NAMES.values()) == set()


def test_no_python_module_spells_a_name_by_hand() -> None:
    spelled = set(re.findall(r"""["'](quarterdeck\.(?:run|step|pipeline|prompt|span|chunk)\.[a-z_.]+)["']""", PYTHON))
    assert spelled == set()


def test_every_name_has_its_own_value_and_a_sentence() -> None:
    text = (ROOT / "instrumentation/quarterdeck/semconv.py").read_text()
    attributes = {name: value for name, value in NAMES.items() if not name.startswith("EVENT_")}
    assert len(set(attributes.values())) == len(attributes)
    documented = set(re.findall(r'^([A-Z_]+): Final = .*\n"""', text, flags=re.MULTILINE))
    assert {name for name in NAMES if "." in NAMES[name]} - documented == set()
