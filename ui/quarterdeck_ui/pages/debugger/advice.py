"""What to do about prompts: suggestions, each with its evidence and what it would save."""

import time
from collections.abc import Iterator
from typing import Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import services
from quarterdeck_ui.filter_bar import filter_bar
from quarterdeck_ui.pages.debugger.sending import money
from quarterdeck_ui.pages.debugger.suggestions import Suggestion, from_experiment, suggestions
from quarterdeck_ui.queries import evidence

_EXPERIMENTS: Final = 10


def show() -> None:
    """Draw the tool."""
    scope = filter_bar("7d")
    found = suggestions(evidence(services.current().store, scope, time.time_ns()))
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


def _draw(each: Suggestion) -> None:
    pipeline, step, model = each.where
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**{each.kind}** in {pipeline or 'no pipeline'} / {step or 'no step'} · `{model}`", width="content"
            )
            st.space("stretch")
            if each.saving:
                st.badge(f"saves about {money(each.saving)}", icon=":material/savings:", color="green")
        st.markdown(f"{each.finding[0].upper()}{each.finding[1:]}.")
        st.markdown(f":gray[{each.advice}]")
        run, span = each.call
        if span:
            st.link_button("See such a call", f"/?view=debugger&run={run}&span={span}", icon=":material/search:")
        if each.experiment:
            st.link_button("See the experiment", f"/?view=debugger&tool=experiment&experiment={each.experiment}")


def _of_experiments() -> Iterator[Suggestion]:
    runner = services.current().runner
    try:
        newest = runner.ask("GET", f"/v1/batches?kind=experiment&limit={_EXPERIMENTS}")["batches"]
        for batch in newest:
            yield from from_experiment(runner.ask("GET", f"/v1/experiments/{batch['id']}"))
    except RunnerError as error:
        st.caption(f"Experiments were not looked at: {error}.")
