"""The list of groups as HTML of our own: a table whose rows are links, with trends. Every text in it is escaped."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import urlencode

from quarterdeck_ui.pages.errors.states import State
from quarterdeck_ui.pages.errors.words import CATEGORIES, STATES, Sign, ago, moment
from quarterdeck_ui.queries import ErrorGroup

_INNER: Final = re.compile(r"""\{.*['"]message['"]: ?(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""", re.DOTALL)
"""What a provider says in the body that its client prints, as ``quarterdeck_error_text`` in the collector's schema."""


def table(rows: Sequence[tuple[ErrorGroup, State]], now_ns: int, kept: Mapping[str, str]) -> str:
    """Draw groups.

    Args:
        rows: Groups with their states, in order.
        now_ns: The present.
        kept: What of the address stays when a group is opened.
    """
    titles = ("Error", "Trend", "Errors", "Runs", "Last seen", "First seen")
    head = "".join(f"<span>{title}</span>" for title in titles)
    body = "".join(_row(group, state, now_ns, kept) for group, state in rows)
    return f'<div class="qd-errors"><div class="qd-head">{head}</div>{body}</div>'


def address(group: str, kept: Mapping[str, str], **more: str) -> str:
    """Where a group is shown."""
    return "/?" + urlencode({"view": "errors", **kept, "group": group, **more})


def badge(sign: Sign) -> str:
    """An icon with its word."""
    return f'<span class="qd-badge qd-{sign.colour}"><i>{sign.icon}</i>{escape(sign.word)}</span>'


def bars(trend: Sequence[int]) -> str:
    """A small bar chart; Streamlit lets no SVG through."""
    top = max([*trend, 1])
    shapes = "".join(f'<i style="height:{max(8, round(100 * count / top)) if count else 0}%"></i>' for count in trend)
    return f'<span class="qd-bars" title="at most {max(trend, default=0):,} in one interval">{shapes}</span>'


def _row(group: ErrorGroup, state: State, now_ns: int, kept: Mapping[str, str]) -> str:
    status = f"HTTP {group.http_status}" if group.http_status else ""
    facts = [group.type.rpartition(".")[2], status, group.frame]
    facts += [*_some(group.pipelines), *_some(group.versions, "version ")]
    under = " · ".join(escape(fact) for fact in facts if fact)
    message = escape(headline(group)[:300])
    first, last = (
        f'<span class="qd-time" title="{moment(at)}">{ago(at, now_ns)}</span>' for at in (group.first_ns, group.last_ns)
    )
    return (
        f'<a class="qd-row" href="{escape(address(group.id, kept))}" target="_self" data-group="{group.id}">'
        f'<span class="qd-what"><span class="qd-badges">{badge(STATES[state])}'
        f"{badge(CATEGORIES[group.category])}</span>"
        f"<b>{message}</b><small>{under}</small></span>"
        f"{bars(group.trend)}"
        f"{_number(group.errors, 'error')}{_number(group.runs, 'run')}{last}{first}</a>"
    )


def _number(count: int, word: str) -> str:
    return f'<span class="qd-number" data-name="{word if count == 1 else f"{word}s"}">{count:,}</span>'


def headline(group: ErrorGroup) -> str:
    """What a group is called: its message, of a provider's the words alone, or its type where it has none."""
    inner = _INNER.search(group.message)
    return (inner and (inner[1] or inner[2])) or group.message or group.type or "failed without a word"


def _some(names: Sequence[str], before: str = "") -> list[str]:
    """The first two of many names."""
    shown = [f"{before}{name}" for name in names[:2]]
    return [*shown, f"{len(names) - 2} more"] if len(names) > 2 else shown  # noqa: PLR2004 - two are shown
