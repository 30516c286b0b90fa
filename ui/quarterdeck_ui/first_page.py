"""What a browser loads first: Streamlit's page, in our theme from its first frame, with our modules on their way."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from quarterdeck_ui.assets import FOLDER, fingerprint
from quarterdeck_ui.colours import DARK, LIGHT

_PAGE: Final = Path(streamlit.__file__).parent / "static" / "index.html"
_TITLE: Final = re.compile(r"<title>[^<]*</title>")
_IMPORT: Final = re.compile(r'from "\./([\w.-]+\.js)"')
_STYLE: Final = re.compile(r'"\./([\w-]+\.css)"')
_ENTRIES: Final = {"": "deck.js", "logs": "logs.js"}
_FRAME: Final = "frame.js"


def route() -> Route:
    """Serves ``/``."""
    return Route("/", _first)


async def _first(request: Request) -> Response:
    page = _page(_ENTRIES.get(request.query_params.get("view", ""), _FRAME))
    return HTMLResponse(page, headers={"Cache-Control": "no-cache"})


@functools.cache
def _page(entry: str) -> str:
    early = (FOLDER / "early_theme.js").read_text()
    links = "".join(f"\n    {link}" for link in _links(entry))
    blank = "".join(
        f'html[data-qd-theme="{name}"] {{ background: {colours["backgroundColor"]}; }} '
        for name, colours in (("dark", DARK), ("light", LIGHT))
    )
    head = f"<title>Quarterdeck</title>\n    <style>{blank}</style>\n    <script>\n{early}</script>{links}"
    return _TITLE.sub(lambda _: head, _PAGE.read_text(), count=1)


def _links(entry: str) -> Iterator[str]:
    """Name the modules that an entry imports, and the style sheets of those, before Streamlit asks for the entry."""
    found, wanted = {entry}, [entry]
    while wanted:
        text = (FOLDER / wanted.pop()).read_text()
        yield from (
            f'<link rel="preload" as="fetch" crossorigin href="{_address(name)}">' for name in _STYLE.findall(text)
        )
        fresh = set(_IMPORT.findall(text)) - found
        found |= fresh
        wanted += fresh
    yield from (f'<link rel="modulepreload" href="{_address(name)}">' for name in sorted(found))


def _address(name: str) -> str:
    return f"/deck/assets/{fingerprint()}/{name}"
