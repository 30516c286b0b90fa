"""Send a call, again or for the first time: what it will cost, what it answers, and how that differs."""

import difflib
from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.debugger import asking, rewriting
from quarterdeck_ui.pages.debugger.conversation import Conversation, answer_of
from quarterdeck_ui.queries import CallRow
from quarterdeck_ui.span_view import SpanView

_NOT_KNOWN: Final = "unknown"
_A_TENTH_OF_A_CENT: Final = 0.001
_SAME: Final = 0.005


def show(edited: Conversation, asked: Conversation, view: SpanView, row: CallRow | None) -> None:
    """Draw the form and the last answer.

    Args:
        edited: What is sent.
        asked: What was sent before.
        view: Content of the span of that call.
        row: Facts of that call.
    """
    key, before = view.id, answer_of(view)
    st.subheader("Send it again" if edited == asked else "Send it changed", anchor=False)
    try:
        model, most = _whom(row.model if row else "", view.parameters.get("max tokens", ""), key)
        predicted = asking.predict(model, edited.system, edited.text())
        _prediction(predicted, row)
    except RunnerError as error:
        st.warning(f"It cannot be sent now: {error}", icon=":material/cloud_off:")
        _recorded(before, row)
        return
    offered = identity.offers("Sending a call")
    pressed = offered and st.button("Send", type="primary", icon=":material/send:", key=f"send-{key}")
    if pressed and identity.may_steer():
        with st.spinner("The model answers; the deck shows it word by word …"):
            st.session_state[f"answer-{key}"] = _sent(model, edited, most, key) | {"predicted": predicted}
    answer = st.session_state.get(f"answer-{key}")
    if answer:
        show_answer(answer, before, row)
    else:
        _recorded(before, row)
    if offered:
        rewriting.show(edited, model, key)


def _sent(model: str, edited: Conversation, most: int | None, key: str) -> asking.Json:
    try:
        return asking.send(model, edited.system, edited.messages(), most, f"span {key}")
    except RunnerError as error:
        return {"problem": str(error)}


def _whom(recorded: str, most: str, key: str) -> tuple[str, int | None]:
    names = asking.models()
    names = [recorded, *(name for name in names if name != recorded)] if recorded else names
    left, right = st.columns([3, 2])
    model = left.selectbox("Model", names, key=f"model-{key}", accept_new_options=True) or names[0]
    known = int(most) if most.isdecimal() else None
    limit = right.number_input("Most output tokens", 1, 1_000_000, known, key=f"most-{key}", placeholder="default")
    return str(model), limit


def _prediction(found: asking.Json, row: CallRow | None) -> None:
    known, output = found["input"], found["output"]
    with st.container(horizontal=True, gap="medium"):
        _predicted(
            "Input tokens",
            f"{known['tokens']:,}",
            _off(known["tokens"], row.tokens_in if row else 0),
            f"{known['method']}. {known['note']}" if known["note"] else known["method"],
        )
        _predicted(
            "Output tokens",
            f"{output['tokens']:,}" if output else _NOT_KNOWN,
            _off(output["tokens"], row.tokens_out if row else 0) if output else None,
            "As long as earlier answers of this model." if output else "This model has answered nothing here yet.",
        )
        _predicted("Cost", money(found["cost_usd"]), f"at most {money(found['max_cost_usd'])}")


def _predicted(name: str, value: str, beside: str | None, about: str | None = None) -> None:
    st.metric(f"{name}, predicted", value, beside, delta_color="off", delta_arrow="off", help=about, width="content")


def _off(predicted: int, actual: int) -> str | None:
    if not actual:
        return None
    off = f"{(predicted - actual) / actual * 100:+.0f} %"
    return f"as recorded: {actual:,}" if off in {"+0 %", "-0 %"} else f"{off} of the {actual:,} recorded"


def show_answer(answer: asking.Json, before: str = "", row: CallRow | None = None) -> None:
    """Draw an answer beside the one before it.

    Args:
        answer: As the runner gave it; ``predicted`` holds what was said before.
        before: The answer to compare with; empty for none.
        row: Facts of the call that gave it.
    """
    if answer["problem"]:
        st.error(answer["problem"], icon=":material/error:")
        if answer.get("run_id"):
            st.link_button("See the failed call", f"/?run={answer['run_id']}", icon=":material/open_in_new:")
        return
    tokens_in, tokens_out = row.tokens_in if row else 0, row.tokens_out if row else 0
    cost, seconds = answer["cost_usd"], answer["seconds"]
    with st.container(horizontal=True, gap="medium"):
        _took("Input tokens", f"{answer['input_tokens']:,}", _change(answer["input_tokens"], tokens_in))
        _took("Output tokens", f"{answer['output_tokens']:,}", _change(answer["output_tokens"], tokens_out))
        _took("Cost", money(cost), _change(cost, row.cost if row else None))
        _took("Seconds", f"{seconds:.2f}", _change(seconds, row.milliseconds / 1000 if row else 0))
    if predicted := answer.get("predicted"):
        st.caption(against(predicted, answer).replace("$", r"\$"))
    names = ["Answer", *(["Difference", "Recorded answer"] if before else [])]
    tabs = st.tabs(names)
    with tabs[0]:
        st.code(answer["text"], language=None, wrap_lines=True)
        st.link_button("See the call in the deck", f"/?run={answer['run_id']}", icon=":material/open_in_new:")
    if before:
        with tabs[1]:
            difference(before, answer["text"])
        with tabs[2]:
            st.code(before, language=None, wrap_lines=True)


def _took(name: str, value: str, change: str | None) -> None:
    st.metric(name, value, change, delta_color="inverse", width="content")


def against(predicted: asking.Json, answer: asking.Json) -> str:
    """How far a prediction was off what a call took, in words.

    Args:
        predicted: As the runner gave it before the call.
        answer: As the runner gave it.
    """
    output = predicted["output"]
    pairs = [
        ("tokens in", predicted["input"]["tokens"], answer["input_tokens"], "{:,}".format),
        ("tokens out", output["tokens"] if output else None, answer["output_tokens"], "{:,}".format),
        ("cost", predicted["cost_usd"], answer["cost_usd"], money),
    ]
    said = [f"{name} {text(now)}, {_as_said(then, now, text)}" for name, then, now, text in pairs if now is not None]
    return f"Against the prediction: {'; '.join(said)}."


def _as_said(then: float | None, now: float, text: Callable[[Any], str]) -> str:
    if then is None:
        return "not predicted"
    off = _change(then, now)
    return f"predicted {text(then)} ({off})" if off else "as predicted"


def difference(old: str, new: str) -> None:
    """Draw what changed between two texts, line by line."""
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="", n=3))
    if lines:
        st.code("\n".join(lines), language="diff", wrap_lines=True)
    else:
        st.caption("Both are the same.")


def _recorded(before: str, row: CallRow | None) -> None:
    st.caption(
        "Recorded answer"
        + (f" · {row.tokens_out:,} tokens, {money(row.cost)}, {row.milliseconds / 1000:.2f} s" if row else "")
    )
    st.code(before or "(no text)", language=None, wrap_lines=True)


def _change(now: Any, then: Any) -> str | None:
    share = (now - then) / then if now is not None and then else 0.0
    return f"{share * 100:+.0f} %" if abs(share) >= _SAME else None


def money(value: float | None) -> str:
    """USD as text, small amounts with enough digits."""
    if value is None:
        return _NOT_KNOWN
    return f"${value:.2f}" if value >= 1 else f"${value:.4f}" if value >= _A_TENTH_OF_A_CENT else f"${value:.6f}"
