"""The OpenAPI description, made whole: every operation gets the answers of the doors, and every body an example.

Routes say what is particular to them. What holds for all is added here, so that no route can forget it.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from quarterdeck_runner.doors import scope_of
from quarterdeck_runner.problems import MEDIA_TYPE

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_METHODS: Final = ("get", "put", "post", "delete", "patch")
_OPEN: Final = ("/healthz", "/readyz")
_COMMON: Final[Mapping[int, tuple[str, str]]] = {
    400: ("The request cannot be read", "there was an error parsing the body"),
    401: ("A token is needed", "a token is needed: send 'Authorization: Bearer TOKEN', or the token as the password"),
    403: ("The token does not allow this", "this needs a token of scope run, not read"),
    404: ("Run not found", "there is no run '42'"),
    408: ("The client is too slow", "the body did not arrive within 30 s"),
    409: ("The state of the run does not allow this", "run 42 is completed; only a run that is paused can be resumed"),
    412: ("The pipeline has changed", "somebody saved it meanwhile: read it again, and save with its new ETag"),
    413: ("The request is too large", "a body may have 8388608 bytes"),
    415: ("The content type is not known", "send the file as text/csv or application/x-ndjson, not as text/html"),
    421: ("This runner is not called so", "'example.org' is none of its names: call it 127.0.0.1 or localhost"),
    422: ("The request is not valid", "limit: Input should be less than or equal to 1000"),
    428: ("The request must say what it changes", "send If-Match with the ETag of what you read, or If-None-Match: *"),
    500: ("Internal error", "the runner failed at this (KeyError); its log says how"),
    503: ("Not now", "the database of the runner does not answer; try again in a moment, and see /readyz"),
}
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Of your choice, new for each new request: sent again with the same key, a request that was done is "
    "not done again; its answer comes again. Kept for a day.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "example": "5f0c6b1f-2a90-4c1e-9d13-019abe3c7c1e",
}


def install(app: FastAPI) -> None:
    """Let an application describe itself so."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            app.openapi_schema = complete(found)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add what all operations share, and examples.

    Args:
        document: an OpenAPI document, changed in place.
    """
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes["token"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "From `quarterdeck token create`. Without any token, everybody on this machine is let in.",
    }
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _complete(path, method, item[method], schemas)
    return document


def _complete(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status in _statuses(path, method, operation):
        responses.setdefault(str(status), {"description": _COMMON[status][0]})
    for code, response in responses.items():
        if code.isdecimal() and int(code) >= 400:  # noqa: PLR2004 - classes of HTTP
            if int(code) in _COMMON:
                _make_problem(int(code), response)
        else:
            _add_examples(response.get("content", {}), schemas)
    _add_examples(operation.get("requestBody", {}).get("content", {}), schemas)
    if path in _OPEN:
        return
    operation["security"] = [{"token": []}, {}]
    scope = scope_of(method.upper(), path)
    operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`.".strip()
    if method == "post" and scope != "read" and "heartbeats" not in path:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY)


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    if path in _OPEN:
        return [421, 500]
    found = [400, 401, 403, 421, 422, 500, 503]
    if "requestBody" in operation:
        found += [408, 413]
    if method == "post":
        found.append(409)
    return found


def _make_problem(status: int, response: dict[str, Any]) -> None:
    title, detail = _COMMON[status]
    known = response.get("content", {}).get(MEDIA_TYPE, {})
    example = known.get("example") or {"type": "about:blank", "title": title, "status": status, "detail": detail}
    response["content"] = {MEDIA_TYPE: {"schema": _PROBLEM, "example": example}}


def _add_examples(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    for media in content.values():
        if "example" not in media and "examples" not in media and "schema" in media:
            media["example"] = example_of(media["schema"], schemas)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """Make an example out of a JSON Schema and the examples of its fields.

    Args:
        schema: what to exemplify.
        schemas: what it may refer to.
        depth: how deep it is nested.
    """
    written = [schema[key] for key in ("example", "const", "default") if key in schema]
    written += [schema[key][0] for key in ("examples", "enum") if schema.get(key)]
    if written:
        return written[0]
    if depth > 8:  # noqa: PLR2004 - a schema that contains itself
        return None
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example_of(schema[key][0], schemas, depth + 1)
    return _of_type(schema, schemas, depth)


def _of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: example_of(field, schemas, depth + 1) for name, field in fields.items()}
    if kind == "array":
        return [example_of(schema["items"], schemas, depth + 1)] if schema.get("items") else []
    if kind == "string":
        return {"date-time": "2026-11-24T22:00:00Z", "password": "secret"}.get(schema.get("format", ""), "text")
    return {"integer": schema.get("minimum", 1), "number": 0.5, "boolean": True}.get(str(kind))
