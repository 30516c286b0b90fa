"""Values of alerts as people read them, on every screen and in every channel the same."""

_CENT = 0.01


def amount(value: float | None, unit: str) -> str:
    """Write a value with its unit.

    Args:
        value: What was measured, or a threshold; shares as fractions of 1.
        unit: ``share``, ``usd``, ``seconds``, or the name of something that is counted.
    """
    if value is None:
        return "no value"
    match unit:
        case "share":
            return f"{value * 100:.3g} %"
        case "usd":
            return f"${value:,.2f}" if abs(value) >= _CENT or not value else f"${value:.3g}"
        case "seconds":
            return f"{value:.3g} s"
        case _:
            return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"
