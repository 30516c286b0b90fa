"""The SQL spells no attribute or event name that semconv.py does not own."""

import re

from quarterdeck import semconv
from quarterdeck_collector.migrate import SCHEMA

OWNED = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}


def test_every_quarterdeck_name_in_the_schema_is_owned() -> None:
    text = "\n".join(path.read_text() for path in SCHEMA.glob("*.sql"))
    used = set(re.findall(r"'(quarterdeck\.[a-z_.]+)'", text))

    assert len(used) > 15
    assert used <= OWNED


def test_every_usage_attribute_of_ours_is_counted() -> None:
    text = (SCHEMA / "0003_dialects.sql").read_text()

    assert {value for value in OWNED if value.startswith("gen_ai.usage.") and f"'{value}'" not in text} == set()
