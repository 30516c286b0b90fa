"""Stores for tests."""

import re

from quarterdeck_collector.store import EmbeddedStore


class ShortNames(EmbeddedStore):
    """A store whose queries may say ``$table`` for a table of its database."""

    def _query(self, sql: str, output_format: str = "TabSeparated") -> str:
        return super()._query(re.sub(r"\$(?=[a-z])", f"{self.database}.", sql), output_format)
