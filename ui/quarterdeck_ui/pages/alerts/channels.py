"""Channels: where somebody is told, with a test for each."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.alerts import acts, client
from quarterdeck_ui.pages.alerts.client import CHANNEL
from quarterdeck_ui.pages.alerts.draft import new_id
from quarterdeck_ui.pages.alerts.words import plain
from quarterdeck_ui.saved import SavedError, SavedObject

_KINDS: Final = {"webhook": "Web hook", "slack": "Slack", "email": "E-mail"}
_ICONS: Final = {"webhook": ":material/webhook:", "slack": ":material/tag:", "email": ":material/mail:"}
_SECURITY: Final = {"starttls": "STARTTLS", "tls": "TLS", "none": "none"}
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def show() -> None:
    """Draw the list of channels and a form for one."""
    found = services.current().saved.all(CHANNEL)
    editing = st.query_params.get("channel", "")
    if editing and identity.steers():
        _form(next((each for each in found if each.id == editing), None))
        return
    if identity.offers("Adding, changing or trying a channel") and st.button(
        "New channel", icon=":material/add:", type="primary", key="new-channel"
    ):
        acts.turn(tab="Channels", channel="new")
        st.rerun()
    with st.container(border=True, key="channel-dashboard"):
        left, _ = st.columns([5, 2], vertical_alignment="center")
        place = left.container(gap=None)
        place.markdown("**Dashboard** :gray[always there]")
        place.caption("A notice for whoever has the dashboard open, and on their desktop where they allow it there.")
    for each in found:
        with st.container(border=True, key=f"channel-{each.id}"):
            _row(each)
    if not found:
        st.info(
            "No channel yet besides the dashboard."
            + (
                " Add a web hook, Slack (or Mattermost, or what else takes Slack's messages), or a mail server, then "
                "choose it in a rule."
                if identity.steers()
                else ""
            ),
            icon=":material/send:",
        )


def _row(channel: SavedObject) -> None:
    kind = str(channel.body.get("kind"))
    left, right = st.columns([5, 3], vertical_alignment="center")
    with left, st.container(gap=None):
        st.markdown(
            f"{_ICONS.get(kind, '')} **{plain(str(channel.body.get('name')))}** :gray[{_KINDS.get(kind, kind)}]"
        )
        st.text(_place(channel.body))  # not as Markdown, which makes links of addresses
    if not identity.steers():
        return
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Test", icon=":material/send:", key=f"test-{channel.id}"):
            _test(channel.id, None)
        if st.button("Edit", key=f"edit-{channel.id}"):
            acts.turn(tab="Channels", channel=channel.id)
            st.rerun()
        if st.button("Delete", key=f"delete-{channel.id}", icon=":material/delete:") and acts.tried(
            lambda: services.current().saved.delete(CHANNEL, channel.id, channel.version), "Deleted."
        ):
            st.rerun()


def _place(body: Mapping[str, Any]) -> str:
    mail = body.get("mail")
    if mail:
        return f"to {', '.join(mail['to'])} through {mail['host']}:{mail['port']}"
    return f"{body.get('place', '')}/…"


def _test(channel_id: str, draft: Mapping[str, Any] | None) -> None:
    if not identity.may_steer():
        return
    try:
        reason = client.try_channel(channel_id, draft)
    except SavedError as error:
        reason = str(error)
    if reason:
        st.error(f"The test did not arrive: {plain(reason)}", icon=":material/error:")
    else:
        st.success("The test was taken.", icon=":material/check_circle:")


def _form(channel: SavedObject | None) -> None:
    known: Mapping[str, Any] = channel.body if channel else {}
    key = f"channel-form-{channel.id if channel else 'new'}"
    st.subheader("Change a channel" if channel else "New channel", anchor=False)
    kinds = list(_KINDS)
    kind = st.segmented_control(
        "Kind", kinds, default=known.get("kind", "webhook"), format_func=lambda each: _KINDS[each], key=f"{key}-kind",
        disabled=channel is not None, required=True,
    )  # fmt: skip
    with st.container(width=620, key="channel-fields"):
        name = st.text_input("Name", known.get("name", ""), key=f"{key}-name", placeholder="On call")
        fields = (
            _mail(known.get("mail") or {}, key, kept=channel is not None)
            if kind == "email"
            else _hook(key, kept=channel is not None)
        )
    draft = {"name": name, "kind": kind, **fields}
    with st.container(horizontal=True, key="channel-buttons"):
        saving = st.button("Save channel", type="primary", icon=":material/check:", key="channel-save")
        testing = st.button("Test", icon=":material/send:", key="channel-test")
        leaving = st.button("Back", icon=":material/arrow_back:", key="channel-back")
    if testing:
        _test(channel.id if channel else "", draft)
    channel_id = channel.id if channel else new_id(name or str(kind))
    version = channel.version if channel else 0
    if leaving or (saving and acts.tried(lambda: client.put_channel(channel_id, draft, version), "Saved.")):
        acts.turn(tab="Channels")
        st.rerun()


def _hook(key: str, *, kept: bool) -> dict[str, Any]:
    url = st.text_input(
        "Address",
        key=f"{key}-url",
        type="password",
        placeholder="as it is" if kept else "https://hooks.example.com/…",
        help="Kept sealed, and never shown again. Addresses inside your network must be named by the operator of the "
        "collector (--alert-urls).",
    )
    return {"url": url}


def _mail(mail: Mapping[str, Any], key: str, *, kept: bool) -> dict[str, Any]:
    to = st.text_input("To", ", ".join(mail.get("to", ())), key=f"{key}-to", placeholder="oncall@example.com")
    sender = st.text_input(
        "From", mail.get("sender", ""), key=f"{key}-sender", placeholder="Quarterdeck <alerts@example.com>"
    )
    left, middle, right = st.columns([4, 2, 2])
    host = left.text_input("Mail server", mail.get("host", ""), key=f"{key}-host", placeholder="smtp.example.com")
    names = list(_SECURITY)
    security = middle.selectbox(
        "Security",
        names,
        index=names.index(mail.get("security", "starttls")),
        format_func=lambda each: _SECURITY[each],
        key=f"{key}-security",
    )
    port = right.number_input(
        "Port", 1, 65_535, int(mail.get("port") or _PORTS[security]), key=f"{key}-port-{security}"
    )
    left, right = st.columns(2)
    user = left.text_input("User", mail.get("user", ""), key=f"{key}-user", autocomplete="off")
    password = right.text_input(
        "Password",
        key=f"{key}-password",
        type="password",
        placeholder="as it is" if kept else "",
        autocomplete="new-password",
    )
    told = [each.strip() for each in to.split(",") if each.strip()]
    server = {"host": host, "port": int(port), "security": security, "user": user, "sender": sender, "to": told}
    return {"mail": server, "password": password}
