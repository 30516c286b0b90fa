"""How a run differs from the ordinary one of its pipeline: variables, provider, model, keys, priority."""

import re
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck.runner_types import Pipeline
from quarterdeck_ui import services

_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|COOKIE|PRIVATE", re.IGNORECASE)
_AS_WRITTEN: Final = ""
_NORMAL: Final = 5
_MORE: Final = "more-variables"


def is_secret(name: str) -> bool:
    """Whether the value of a variable of this name must not be shown."""
    return bool(_SECRET.search(name))


def draw(pipeline: Pipeline) -> dict[str, Any]:
    """Draw the fields and give the options that differ from what is usual.

    Args:
        pipeline: What is started.
    """
    env = _variables(pipeline)
    if pipeline["kind"] == "python":
        return {"env": env} if env else {}
    known, providers = _known()
    titles = {each["name"]: each["title"] for each in providers}
    left, right = st.columns(2)
    provider = left.selectbox(
        "Provider",
        [_AS_WRITTEN, *titles],
        format_func=lambda name: titles.get(name, "As each step says"),
        key="option-provider",
        help="Who answers every model call of this run.",
    )
    models = [each["name"] for each in known if provider in {_AS_WRITTEN, each["provider"]}]
    model = right.selectbox(
        "Model",
        models,
        index=None,
        placeholder="As each step says",
        accept_new_options=True,
        key=f"option-model-{provider}",
        help="Which model answers every call of this run; any name that the provider knows.",
    )
    keys = {
        each["name"]: _key(each["name"], each["title"], [p["profile"] for p in each["profiles"]]) for each in providers
    }
    priority = st.slider("Priority", 0, 9, _NORMAL, key="option-priority", help="Higher ones leave the queue first.")
    found = {
        "env": env,
        "provider": provider,
        "model": model,
        "keys": {name: profile for name, profile in keys.items() if profile},
    }
    return {name: value for name, value in found.items() if value} | (
        {"priority": priority} if priority != _NORMAL else {}
    )


def _known() -> tuple[Any, Any]:
    """Models and providers; nothing while the runner is away, which starting will tell."""
    runner = services.current().runner
    try:
        return runner.ask("GET", "/v1/models")["models"], runner.providers()["providers"]
    except RunnerError:
        return [], []


def _key(name: str, title: str, profiles: list[str]) -> str:
    others = [profile for profile in profiles if profile != "default"]
    if not others:
        return ""
    return str(
        st.selectbox(
            f"Key for {title}",
            ["", *others],
            format_func=lambda each: each or "The usual one",
            key=f"option-key-{name}",
        )
    )


def _variables(pipeline: Pipeline) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, default in pipeline["env"].items():
        found |= _variable(name, default)
    rows = int(st.session_state.get(_MORE, 0))
    for number in range(rows):
        left, right = st.columns(2)
        name = left.text_input("Variable", key=f"variable-name-{number}", placeholder="REGION").strip()
        with right:
            found |= _variable(name, "", f"variable-value-{number}") if name else {}
    st.button(
        "Add a variable",
        icon=":material/add:",
        type="tertiary",
        key="add-variable",
        on_click=lambda: st.session_state.update({_MORE: rows + 1}),
    )
    return found


def _variable(name: str, default: str, key: str = "") -> Mapping[str, str]:
    """One variable; what looks like a secret is never shown, and the runner refuses it."""
    secret = is_secret(name)
    value = st.text_input(
        "Value" if key else name,
        key=key or f"variable-{name}",
        type="password" if secret else "default",
        placeholder="" if secret else default,
        help="Secrets do not go into a run: give the key to the runner, in the tab Provider keys." if secret else None,
    )
    return {name: value} if value else {}
