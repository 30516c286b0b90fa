"""The models that the stand-in lists; it answers as any ``claude*`` and ``gemini*`` model."""

from typing import Any

_CLAUDE = (
    ("claude-opus-5-5", "Claude Opus 5.5"),
    ("claude-sonnet-5-5", "Claude Sonnet 5.5"),
    ("claude-haiku-5-5", "Claude Haiku 5.5"),
)
_GEMINI = (
    ("gemini-3.8-flash", "Gemini 3.8 Flash", ("generateContent", "countTokens")),
    ("gemini-embedding-001", "Gemini Embedding 001", ("embedContent", "countTokens")),
)


def claude(identity: str, name: str) -> dict[str, Any]:
    """A Claude model as ``GET /v1/models/{id}`` gives it; the release date is left unknown."""
    return {
        "type": "model",
        "id": identity,
        "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
    }


def claude_named(identity: str) -> dict[str, Any]:
    """A Claude model by its id."""
    return claude(identity, dict(_CLAUDE).get(identity, identity))


def claude_list() -> dict[str, Any]:
    """One page with all Claude models."""
    data = [claude(identity, name) for identity, name in _CLAUDE]
    return {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}


def gemini(identity: str, name: str, methods: tuple[str, ...]) -> dict[str, Any]:
    """A Gemini model as ``GET /v1beta/models/{id}`` gives it."""
    return {
        "name": f"models/{identity}",
        "displayName": name,
        "version": "001",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": list(methods),
    }


def gemini_named(identity: str) -> dict[str, Any]:
    """A Gemini model by its id."""
    known = {each[0]: each for each in _GEMINI}
    return gemini(*known.get(identity, (identity, identity, ("generateContent", "countTokens"))))


def gemini_list() -> dict[str, Any]:
    """One page with all Gemini models."""
    return {"models": [gemini(*each) for each in _GEMINI]}
