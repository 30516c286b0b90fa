"""Keys of the providers: set, tested and removed; the runner never gives one back, so none can be shown."""

from typing import Final, Literal

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck.runner_types import KeyProfile, KeyStoreState, ProviderState
from quarterdeck_ui import services
from quarterdeck_ui.access import identity

_SAID: Final = "keys-said"
_SHOWN_MODELS: Final = 12
_PLACES: Final = {
    "environment": "environment of the runner",
    "keyring": "keyring of its system",
    "file": "key file, encrypted",
}


def show() -> None:
    """Draw the tab.

    Raises:
        RunnerError: The runner is away.
    """
    found = services.current().runner.providers()
    st.caption(
        "Keys lie with the runner. They can be replaced and removed here, never read: neither this page nor the "
        "runner's interface gives one back."
    )
    _said()
    for provider in found["providers"]:
        _provider(provider, found["key_store"])


def _said() -> None:
    kind, text = st.session_state.pop(_SAID, ("", ""))
    if kind == "ok":
        st.success(text, icon=":material/check:")
    elif kind:
        st.error(text, icon=":material/error:")


def _say(kind: Literal["ok", "bad"], text: str) -> None:
    st.session_state[_SAID] = (kind, text)


def _provider(provider: ProviderState, store: KeyStoreState) -> None:
    with st.container(border=True, key=f"provider-{provider['name']}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{provider['title']}**", width="content")
            if provider["ready"]:
                st.badge("Ready", color="green", icon=":material/check:")
            else:
                st.badge("No key", color="orange", icon=":material/key_off:")
        for profile in provider["profiles"]:
            _profile(provider, profile)
        if not provider["profiles"]:
            who = "Set one here" if identity.steers() else "An operator sets one here"
            st.caption(f"{who}, or `{provider['variable']}` in the environment of the runner.")
        if identity.steers():
            _form(provider, store)


def _profile(provider: ProviderState, profile: KeyProfile) -> None:
    name, key = provider["name"], profile["profile"]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"key-{name}-{key}"):
        st.markdown(f"`{key}`", width="content")
        st.caption(f"{_PLACES[profile['source']]}, sent to `{profile['base_url']}`")
        st.space("stretch")
        if identity.steers():
            _buttons(provider, profile)


def _buttons(provider: ProviderState, profile: KeyProfile) -> None:
    name, key = provider["name"], profile["profile"]
    st.button(
        "Test",
        icon=":material/network_check:",
        key=f"test-{name}-{key}",
        on_click=_test,
        args=(provider, key),
        width="content",
    )
    st.button(
        "Remove",
        icon=":material/delete:",
        key=f"remove-{name}-{key}",
        disabled=profile["source"] == "environment",
        help="It stands in the environment of the runner: take it away there."
        if profile["source"] == "environment"
        else None,
        on_click=_remove,
        args=(provider, key),
        width="content",
    )


def _form(provider: ProviderState, store: KeyStoreState) -> None:
    name = provider["name"]
    if store["kind"] == "none":
        st.caption(f"Keys cannot be kept here: {store['hint']}")
        return
    with (
        st.expander("Set a key", expanded=not provider["profiles"]),
        st.form(f"set-{name}", clear_on_submit=True, border=False),
    ):
        left, right = st.columns([1, 2])
        left.text_input("Name", "default", key=f"profile-{name}", help="Runs that name no key use 'default'.")
        right.text_input("Key", type="password", key=f"secret-{name}", autocomplete="off")
        st.text_input(
            "Other address",
            key=f"address-{name}",
            placeholder="only for a gateway that the operator of the runner allows",
        )
        st.form_submit_button(
            "Keep the key", icon=":material/key:", key=f"keep-{name}", on_click=_set, args=(provider,)
        )


def _set(provider: ProviderState) -> None:
    name = provider["name"]
    profile, secret, address = (
        str(st.session_state[f"{field}-{name}"]).strip() for field in ("profile", "secret", "address")
    )
    if not identity.may_steer():
        return
    if not secret:
        _say("bad", "Give the key.")
        return
    try:
        services.current().runner.set_key(name, secret, profile or "default", address or None)
    except RunnerError as error:
        _say("bad", f"The key was not kept: {error}")
        return
    _say(
        "ok", f"The key '{profile or 'default'}' of {provider['title']} is kept; it holds from the next model call on."
    )


def _test(provider: ProviderState, profile: str) -> None:
    if not identity.may_steer():
        return
    try:
        verdict = services.current().runner.test_key(provider["name"], profile)
    except RunnerError as error:
        _say("bad", f"The key was not tested: {error}")
        return
    title = f"The key '{profile}' of {provider['title']}"
    if verdict["works"]:
        models = verdict["models"]
        shown = ", ".join(models[:_SHOWN_MODELS]) + (
            f" and {len(models) - _SHOWN_MODELS} more" if len(models) > _SHOWN_MODELS else ""
        )
        _say("ok", f"{title} works ({verdict['latency_ms']:.0f} ms). Models: {shown or 'none listed'}.")
    else:
        _say("bad", f"{title} does not work: {verdict['problem']}")


def _remove(provider: ProviderState, profile: str) -> None:
    if not identity.may_steer():
        return
    try:
        services.current().runner.remove_key(provider["name"], profile)
    except RunnerError as error:
        _say("bad", f"The key was not removed: {error}")
        return
    _say("ok", f"The key '{profile}' of {provider['title']} is gone.")
