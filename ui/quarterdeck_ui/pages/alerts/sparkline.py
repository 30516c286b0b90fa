"""A small curve of the newest values; pure."""

from collections.abc import Sequence
from typing import Final

WIDTH: Final = 132
HEIGHT: Final = 30
_EDGE: Final = 2.5


def sparkline(values: Sequence[float | None], limit: float | None, label: str) -> str:
    """Draw values as SVG, with a gap where there is none, and a dashed line at a limit that is near enough to show.

    Args:
        values: Oldest first.
        limit: Threshold in the values' unit; None if it has another.
        label: What it shows, for those who cannot see it; plain letters.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a line needs two points
        return ""
    low, high = min(known), max(known)
    if limit is not None and low - (high - low or abs(high)) <= limit <= high + (high - low or abs(high)) * 2:
        low, high = min(low, limit), max(high, limit)
    span = high - low or 1.0

    def y(value: float) -> float:
        return round(HEIGHT - _EDGE - (value - low) / span * (HEIGHT - 2 * _EDGE), 1)

    step = (WIDTH - 2 * _EDGE) / (len(values) - 1)
    path, broken = [], True
    for number, value in enumerate(values):
        if value is None:
            broken = True
            continue
        path.append(f"{'M' if broken else 'L'}{round(_EDGE + number * step, 1)} {y(value)}")
        broken = False
    line = f'<line x1="0" x2="{WIDTH}" stroke="#e5484d" stroke-dasharray="4 3" '
    dashed = f'{line} y1="{y(limit)}" y2="{y(limit)}"></line>' if limit is not None and low <= limit <= high else ""
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    begin = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" {size}>'
    style = 'fill="none" stroke="#4c8dff" stroke-width="1.6" stroke-linejoin="round"'
    return f'{begin}{dashed}<path d="{" ".join(path)}" {style}></path></svg>'
