"""Addresses of the form in which a rule is made that watches what a chart shows, and the button that leads there."""

from urllib.parse import urlencode

import streamlit as st

from quarterdeck_ui.access import identity


def watching(measure: str, **given: str | float) -> str:
    """The form with a rule over a measure.

    Args:
        measure: As rules have it.
        given: What else the form begins with: ``comparison``, ``threshold``, ``window``, ``name``, ``pipeline`` and the
            like; empty words are left out.
    """
    words = {"view": "alerts", "new": "1", "measure": measure, **given}
    return "/?" + urlencode({name: word for name, word in words.items() if word != ""})


def watching_sql(sql: str, **given: str | float) -> str:
    """The form with a rule over a query: its first value counts, ``{since:DateTime}`` begins the window."""
    return watching("query", sql=sql, **given)


def quoted(text: str) -> str:
    """Text as a string of SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def button(address: str, key: str) -> None:
    """Offer whoever may make rules to make one of a chart."""
    if identity.steers():
        st.link_button("Create alert…", address, key=key, type="tertiary", icon=":material/add_alert:")
