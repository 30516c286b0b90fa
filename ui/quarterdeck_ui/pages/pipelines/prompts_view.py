"""Prompts before they are sent, and what they will cost."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from quarterdeck.runner_types import RenderedCall, RenderedStep

_CENT: Final = 0.01


def usd(amount: float) -> str:
    """An amount with as many digits as tell something."""
    return (
        f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}" if amount >= _CENT / 100 or not amount else "< $0.0001"
    )


def cost_range(expected: float | None, most: float | None) -> str:
    """What something is expected to cost and what it costs at most, in words."""
    if most is None:
        return "cost unknown: the price of a model is not known"
    if expected is None:
        return f"at most {usd(most)}; what is likely shows after the first answers of these models"
    return f"likely {usd(expected)}, at most {usd(most)}"


def show_prompts(steps: Sequence[RenderedStep], limit: int = 20) -> None:
    """Draw the prompts of steps.

    Args:
        steps: The steps.
        limit: Most calls.
    """
    shown = [(step, call) for step in steps for call in step["calls"]]
    for step, call in shown[:limit]:
        _call(step, call)
    if len(shown) > limit:
        st.caption(f"And {len(shown) - limit} further calls.")


def _call(step: RenderedStep, call: RenderedCall) -> None:
    name = f"{step['step']} / {call['task']}" if call["task"] else step["step"]
    skipped = " (its condition does not hold)" if step["skipped"] else ""
    st.caption(f"{name}{skipped}: {call['model']}, {len(call['prompt']) + len(call['system']):,} characters")
    text = f"{call['system']}\n\n{call['prompt']}" if call["system"] else call["prompt"]
    st.code(text, language=None, wrap_lines=True)
    for problem in call["problems"]:
        st.warning(problem, icon=":material/warning:")
