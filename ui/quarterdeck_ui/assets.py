"""The browser side: plain ES modules of this package, served under an address that changes with their content."""

import functools
import hashlib
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "components"

_LOADER = """
const module = import(new URL("{address}", window.location.origin).href);
export default function (component) {{
  let leave = null, gone = false;
  module.then((loaded) => {{ if (!gone) leave = loaded.default(component); }});
  return () => {{ gone = true; if (leave) leave(); }};
}}
"""


class _Forever(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path.partition("/")[2], scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@functools.cache
def fingerprint() -> str:
    """Short hash over all files, part of their address."""
    digest = hashlib.sha256()
    for file in sorted(FOLDER.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def route() -> Mount:
    """Serves ``/deck/assets/{fingerprint}/{file}``."""
    return Mount("/deck/assets", app=_Forever(directory=FOLDER))


def component(name: str) -> Any:
    """A Streamlit component whose code is ``components/{name}.js``.

    The manifest that Streamlit reads for packaged components must lie in the package named like the
    distribution, which is the SDK; so a three-line loader imports the module from our own route.
    """
    loader = _LOADER.format(address=f"/deck/assets/{fingerprint()}/{name}.js")
    return st.components.v2.component(f"quarterdeck_{name}", js=loader)
