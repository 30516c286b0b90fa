"""Answers computed from the prompt: an extractive writer, deterministic and without a model.

It splits the material of the prompt into sentences, ranks them by the frequency of their words, and composes
what the instruction asks for: a draft, a summary, a critique, a revision, a classification, JSON of a schema.
"""

from typing import Any

from quarterdeck_runner.demo.provider.exchange import Request, Tool
from quarterdeck_runner.demo.provider.responder import fill, prose
from quarterdeck_runner.demo.provider.responder.material import Material, read
from quarterdeck_runner.demo.provider.responder.text import words

__all__ = ["arguments_for", "respond", "think", "words"]


def respond(request: Request) -> str:
    """Compose the answer to a request."""
    material = _material(request)
    if request.wants_json or material.asks_for_json:
        return fill.as_json(request.schema or fill.schema_in(material.instruction), material)
    return prose.write(material)


def think(request: Request) -> str:
    """Compose what a model would think before it answers."""
    return prose.plan(_material(request))


def arguments_for(request: Request, tool: Tool) -> dict[str, Any]:
    """Compose the arguments of a call of ``tool``."""
    filled = fill.value(tool.parameters or {"type": "object"}, tool.name, _material(request))
    return filled if isinstance(filled, dict) else {}


def _material(request: Request) -> Material:
    return read(request.system, request.prompt)
