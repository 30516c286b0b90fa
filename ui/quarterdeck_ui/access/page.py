"""The page of a login; nothing on it comes from anywhere else."""

import html
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_PAGE: Final = Template(Path(__file__).with_name("login.html").read_text("utf-8"))


def page(form: str, inside: str, problem: str = "", status: int = 200) -> Response:
    """The login page.

    Args:
        form: Attributes of its form, as HTML.
        inside: Fields and buttons, as HTML.
        problem: What went wrong, as text.
        status: Of the answer.
    """
    said = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
    headers = {"Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}
    return HTMLResponse(_PAGE.substitute(form=form, problem=said, inside=inside), status, headers)


def is_same_origin(request: Request) -> bool:
    """Whether a page of this dashboard sent the form."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def place(wanted: str) -> str:
    """Where to go after the login: a path of this server, whatever a link says."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path else "/"
