"""The text of a pipeline while somebody edits it (pure)."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """The text of a file and its ETag."""

    text: str
    etag: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What is typed, and what it would replace.

    Args:
        name: Of the pipeline in the catalogue; of a new one, as it was asked for.
        saved: The file when it was read; empty with an empty ETag for a new pipeline.
        text: What is typed.
        base: ETag of the file that the typing began with: older than ``saved`` for a draft that waited in a browser.
        rev: Counts what is put into the editor from outside.
        theirs: What somebody else saved meanwhile.
    """

    name: str
    saved: Version
    text: str
    base: str
    rev: int = 0
    theirs: Version | None = None

    @property
    def is_new(self) -> bool:
        """Whether there is no file yet."""
        return not self.saved.etag

    @property
    def is_changed(self) -> bool:
        """Whether saving would change something."""
        return self.text != self.saved.text


def opened(name: str, saved: Version, rev: int = 0) -> Draft:
    """A draft that is as the file is."""
    return Draft(name, saved, saved.text, saved.etag, rev)


def created(name: str, text: str) -> Draft:
    """A draft of a pipeline that has no file."""
    return Draft(name, Version("", ""), text, "")


def typed(draft: Draft, said: Mapping[str, Any] | None) -> Draft:
    """The draft after the editor has told its text; what it says of an earlier text is too late.

    Args:
        draft: The draft until now.
        said: ``text``, the ``etag`` that it began with and ``rev``.
    """
    if not said or said.get("rev") != draft.rev or not isinstance(said.get("text"), str):
        return draft
    return replace(draft, text=said["text"], base=str(said.get("etag") or ""))


def put(draft: Draft, text: str) -> Draft:
    """The draft with another text, which the editor shall show."""
    return replace(draft, text=text, rev=draft.rev + 1)


def saved(draft: Draft, version: Version, name: str = "") -> Draft:
    """The draft after it was saved."""
    return opened(name or draft.name, version, draft.rev + 1)


def conflicting(draft: Draft, theirs: Version) -> Draft:
    """The draft when the file turns out to be another than it began with."""
    return replace(draft, theirs=theirs)


def over_theirs(draft: Draft) -> Draft:
    """The draft as a change of what somebody else saved: saving it again replaces exactly that."""
    if draft.theirs is None:
        return draft
    return replace(draft, saved=draft.theirs, base=draft.theirs.etag, theirs=None, rev=draft.rev + 1)


def as_theirs(draft: Draft) -> Draft:
    """What somebody else saved, instead of the draft."""
    return draft if draft.theirs is None else opened(draft.name, draft.theirs, draft.rev + 1)


def difference(before: str, after: str, names: tuple[str, str] = ("saved", "draft")) -> str:
    """A unified diff; empty if nothing differs."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return "\n".join(lines)
