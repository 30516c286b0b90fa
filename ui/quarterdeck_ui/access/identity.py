"""Who looks at the page whose script runs now; asked anew for every action, since roles change."""

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.access.people import PeopleError, Person


def current() -> Person | None:
    """The person behind this session; None for one who has been removed since."""
    try:
        return services.current().access.person(st.context.headers.to_dict())
    except PeopleError:
        return None


def steers() -> bool:
    """Whether this person may steer, for what a page offers; an act asks :func:`may_steer` again."""
    person = current()
    return person is not None and person.may_steer


def offers(what: str) -> bool:
    """Whether a page offers an act to this person; if not, it says whom that takes.

    Args:
        what: The act, as "Saving a rule".
    """
    if steers():
        return True
    st.caption(f":material/visibility: {what} takes the role operator.")
    return False


def may_steer() -> bool:
    """Whether this person may steer runs; if not, the page says so."""
    if steers():
        return True
    st.toast("You may look, not steer: that takes the role operator.", icon="🔒", duration="long")
    return False
