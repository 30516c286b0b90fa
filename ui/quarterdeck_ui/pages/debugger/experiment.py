"""Experiments: variants of a prompt, by models and inputs, side by side, with paired statistics."""

import math
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.debugger import asking, data_sets, results, scoring
from quarterdeck_ui.pages.debugger.draft import inputs_of
from quarterdeck_ui.pages.debugger.sending import money

_LETTERS: Final = "ABCDEFGH"
_SHOWN: Final = 20


def show() -> None:
    """Draw the tool: results of the experiment that the address names, or the form for a new one."""
    found = st.query_params.get("experiment", "")
    if found:
        if st.button("New experiment", icon=":material/add:"):
            st.query_params.pop("experiment", None)
            st.rerun()
        results.show(found)
        return
    _earlier()
    _form()


def _earlier() -> None:
    batches = services.current().runner.ask("GET", f"/v1/batches?kind=experiment&limit={_SHOWN}")["batches"]
    if not batches:
        return
    names = {each["id"]: f"{each['name']} · {each['status']} · {money(each['cost_usd'])}" for each in batches}
    chosen = st.selectbox(
        "Earlier experiments",
        ["", *names],
        format_func=lambda each: names.get(each, "Choose one"),
        key="earlier",
        width=420,
    )
    if chosen:
        st.query_params["experiment"] = chosen
        st.rerun()


def _form() -> None:
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.subheader("Variants", anchor=False)
        variants = _variants()
    with right:
        st.subheader("Models", anchor=False)
        names = asking.models()
        models = st.multiselect(
            "Models", names, names[:1], key="experiment-models", accept_new_options=True, label_visibility="collapsed"
        )
        st.subheader("Inputs", anchor=False)
        inputs = list(dict.fromkeys(name for each in variants for name in inputs_of(each["prompt"])))
        rows = data_sets.show(inputs, key="experiment")
        score = scoring.show()
        columns = st.columns(3)
        repeat = columns[0].number_input("Times each", 1, 100, 1, key="experiment-repeat")
        most = columns[1].number_input(
            "Most USD", 0.01, value=1.0, key="experiment-cost", help="No call begins that would lead above it."
        )
        name = columns[2].text_input("Name", "experiment", key="experiment-name")
    wanted = {
        "name": name,
        "variants": variants,
        "models": models,
        "items": rows or [{"none": "-"}],
        "repeat": int(repeat),
        "score": score,
        "max_cost_usd": float(most),
    }
    _start(wanted, [name for name in inputs if not rows or not all(row.get(name) for row in rows)])


def _variants() -> list[dict[str, str]]:
    count = int(st.number_input("How many", 1, len(_LETTERS), 2, key="experiment-variants", width=140))
    first = st.session_state.get("draft-prompt") or "Explain {{ inputs.topic }} in two sentences."
    variants = []
    for letter, tab in zip(_LETTERS, st.tabs(list(_LETTERS[:count])), strict=False):
        with tab:
            name = st.text_input("Name", letter, key=f"variant-name-{letter}")
            prompt = st.text_area("Prompt", first, key=f"variant-prompt-{letter}", height=180)
            system = st.text_area("System prompt", key=f"variant-system-{letter}", height=80)
            variants.append({"name": name or letter, "prompt": prompt, "system": system})
    return variants


def _start(wanted: dict[str, Any], missing: list[str]) -> None:
    sizes = {"variant": wanted["variants"], "model": wanted["models"], "input": wanted["items"]}
    cells = math.prod(map(len, sizes.values())) * wanted["repeat"]
    counts = [f"{len(each)} {what}{'s' * (len(each) != 1)}" for what, each in sizes.items()]
    st.caption(
        f"{cells:,} calls: {', '.join(counts)}" + (f", {wanted['repeat']} times each" if wanted["repeat"] > 1 else "")
    )
    if missing:
        st.info(
            f"Give every row a value of {', '.join(missing)}: the prompts ask for it.", icon=":material/table_rows:"
        )
    ready = bool(cells) and not missing
    if not identity.offers("Running an experiment"):
        return
    run = st.button("Run the experiment", type="primary", icon=":material/science:", disabled=not ready)
    if not run or not identity.may_steer():
        return
    try:
        made = services.current().runner.ask("POST", "/v1/experiments", wanted)
    except RunnerError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.query_params["experiment"] = made["batch"]["id"]
    st.rerun()
