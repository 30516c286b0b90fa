"""Whoever wants to see a run while it runs."""

from typing import Final

from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Step


class Watch:
    """Hears what happens in a run; this one lets it pass.

    A path names a step: names and numbers from the outermost step to itself, with slashes between.
    """

    def begins(self, path: str, step: Step, attempt: int) -> None:
        """An attempt of a step begins."""

    def text(self, path: str, piece: str) -> None:
        """A piece of an answer arrived."""

    def ends(self, path: str, step: Step, record: Record) -> None:
        """A step has ended, or was skipped."""


NOBODY: Final = Watch()
"""Watches nothing."""
