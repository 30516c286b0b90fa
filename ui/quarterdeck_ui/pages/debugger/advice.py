"""What to do about prompts: suggestions, each with its evidence and what it would save."""

import time
from collections.abc import Iterator
from typing import Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import services
from quarterdeck_ui.filter_bar import filter_bar
from quarterdeck_ui.pages.analytics.numbers import seconds
from quarterdeck_ui.pages.analytics.text import plain
from quarterdeck_ui.pages.debugger.sending import money
from quarterdeck_ui.pages.debugger.suggestions import Suggestion, from_experiment, suggestions
from quarterdeck_ui.queries import evidence

_EXPERIMENTS: Final = 10


def show() -> None:
    """Draw the tool."""
    scope = filter_bar("7d")
    found = suggestions(evidence(services.current().store, scope, time.time_ns()))
    if step := _step():
        found = [each for each in found if each.where[:2] == step]
    else:
        found = sorted([*found, *_of_experiments()], key=lambda each: -(each.saving or 0.0))
    if not found:
        st.info(
            "Nothing stands out in this range: no repeated questions, no cut answers, no prefix worth caching, "
            "no context left unused.",
            icon=":material/check_circle:",
        )
        return
    total = sum(each.saving or 0.0 for each in found)
    st.caption(f"{len(found)} suggestions; together they would have saved about {money(total)} in this range.")
    for each in found:
        _draw(each)


def _step() -> tuple[str, str] | None:
    """Pipeline and name of the step that the address names, with a button that leads back to all."""
    pipeline, step = st.query_params.get("pipeline", ""), st.query_params.get("step", "")
    if not step:
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Of **{plain(pipeline or 'no pipeline')}** / {plain(step)}", width="content")
        if st.button("All steps", icon=":material/close:", type="tertiary"):
            for name in ("pipeline", "step"):
                st.query_params.pop(name, None)
            st.rerun()
    return pipeline, step


def _draw(each: Suggestion) -> None:
    pipeline, step, model = each.where
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**{each.kind}** in {pipeline or 'no pipeline'} / {step or 'no step'} · `{model}`", width="content"
            )
            st.space("stretch")
            if saved := saving(each):
                st.badge(f"saves about {saved}", icon=":material/savings:", color="green")
        st.markdown(f"{each.finding[0].upper()}{each.finding[1:]}.")
        st.markdown(f":gray[{each.advice}]")
        run, span = each.call
        if span:
            st.link_button("See such a call", f"/?view=debugger&run={run}&span={span}", icon=":material/search:")
        if each.experiment:
            st.link_button("See the experiment", f"/?view=debugger&tool=experiment&experiment={each.experiment}")


def saving(each: Suggestion) -> str:
    """What a suggestion would have saved, in words; empty if nothing."""
    said = [money(each.saving)] if each.saving else []
    return " and ".join([*said, f"{seconds(each.seconds)} of waiting"] if each.seconds else said)


def _of_experiments() -> Iterator[Suggestion]:
    runner = services.current().runner
    try:
        newest = runner.ask("GET", f"/v1/batches?kind=experiment&limit={_EXPERIMENTS}")["batches"]
        for batch in newest:
            yield from from_experiment(runner.ask("GET", f"/v1/experiments/{batch['id']}"))
    except RunnerError as error:
        st.caption(f"Experiments were not looked at: {error}.")
