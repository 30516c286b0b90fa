"""A draft: a prompt with templates, filled with test data, and what it will cost before anybody is asked."""

import re
from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.debugger import asking, construction, data_sets, sending
from quarterdeck_ui.pages.debugger.conversation import Part

_EXAMPLE: Final = "Explain {{ inputs.topic }} to a {{ inputs.reader }} in two sentences."
_INPUT: Final = re.compile(r"\{\{[^}]*?\binputs\.(\w+)")
_PREVIEWS: Final = 5


def show() -> None:
    """Draw the tool."""
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.subheader("Prompt", anchor=False)
        prompt = st.text_area("Prompt", _EXAMPLE, key="draft-prompt", height=200, label_visibility="collapsed")
        system = st.text_area("System prompt", key="draft-system", height=80, placeholder="None")
        model = st.selectbox("Model", asking.models(), key="draft-model", accept_new_options=True) or ""
        st.subheader("Test data", anchor=False)
        rows = data_sets.show(inputs_of(prompt), key="draft")
    with right:
        st.subheader("Preview", anchor=False)
        identity.offers("Sending a draft")
        try:
            _previews(str(model), system, prompt, rows)
        except RunnerError as error:
            st.error(f"This prompt cannot be rendered: {error}", icon=":material/error:")


def inputs_of(prompt: str) -> list[str]:
    """Names of the inputs that a template has, in order."""
    return list(dict.fromkeys(_INPUT.findall(prompt)))


def _previews(model: str, system: str, prompt: str, rows: Sequence[dict[str, Any]]) -> None:
    if not rows and inputs_of(prompt):
        st.info("Fill in a row of test data: its values appear here in the prompt.", icon=":material/table_rows:")
        return
    tried = list(rows[:_PREVIEWS]) or [{}]
    for number, row in enumerate(tried, 1):
        call = asking.rendered(model, system, prompt, row)
        found = asking.predict_filled(model, system, prompt, row)
        with st.container(border=True):
            output = f", {found['output']['tokens']:,} out" if found["output"] else ""
            st.markdown(
                f"**Row {number}** · {found['input']['tokens']:,} tokens in ({found['input']['method']}){output} · "
                f"{sending.money(found['cost_usd'])} expected, {sending.money(found['max_cost_usd'])} at most".replace(
                    "$", r"\$"
                )
            )
            for problem in call["problems"]:
                st.warning(problem, icon=":material/warning:")
            parts = [Part(each["kind"], each["source"], each["text"]) for each in call["parts"]]
            construction.stepped(parts or [Part("static", "", call["prompt"])], key=f"draft-{number}")
            _send(model, call, number, found)
    if len(rows) > _PREVIEWS:
        st.caption(f"{len(rows) - _PREVIEWS} more rows. Run all of them under Experiments.")


def _send(model: str, call: asking.Json, number: int, predicted: asking.Json) -> None:
    key = f"draft-answer-{number}"
    pressed = identity.steers() and st.button("Send", key=f"draft-send-{number}", icon=":material/send:")
    if pressed and identity.may_steer():
        with st.spinner("The model answers …"):
            try:
                messages = [{"role": "user", "content": call["prompt"]}]
                sent = asking.send(model, call["system"], messages, None, "draft")
                st.session_state[key] = sent | {"predicted": predicted}
            except RunnerError as error:
                st.session_state[key] = {"problem": str(error)}
    if answer := st.session_state.get(key):
        sending.show_answer(answer)
