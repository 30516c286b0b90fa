from dataclasses import dataclass

from quarterdeck_ui.queries.store import Store


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    table: str
    name: str
    type: str
    comment: str


def columns(store: Store) -> list[Column]:
    """Every column that a reader's own query may ask for."""
    return [Column(*row.values()) for row in store.ask("columns")]
