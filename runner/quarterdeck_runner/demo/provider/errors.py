"""A refused request, and how each provider words it."""

import secrets
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

_ANTHROPIC = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service temporarily unavailable"),
    504: ("timeout_error", "The request timed out."),
    529: ("overloaded_error", "Overloaded"),
}
_GOOGLE = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The service is unable to finish processing within the deadline."),
    529: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
}
RETRY_AFTER_SECONDS = 1
"""What a rate limit tells the client to wait."""


class RefusedError(Exception):
    """A request that gets an error instead of an answer."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def request_id() -> str:
    """A fresh id as Anthropic gives each request."""
    return f"req_{secrets.token_hex(12)}"


def anthropic_body(status: int, message: str = "", identity: str = "") -> dict[str, Any]:
    """The body of an Anthropic error."""
    kind, default = _ANTHROPIC.get(status) or _ANTHROPIC[_nearest(status)]
    error = {"type": kind, "message": message or default, "details": None}
    return {"type": "error", "error": error, "request_id": identity or request_id()}


def google_body(status: int, message: str = "") -> dict[str, Any]:
    """The body of a Google API error, in ``google.rpc.Status`` style."""
    kind, default = _GOOGLE.get(status) or _GOOGLE[_nearest(status)]
    error: dict[str, Any] = {"code": status, "message": message or default, "status": kind}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{RETRY_AFTER_SECONDS}s"}
        error["details"] = [delay]
    return {"error": error}


def _nearest(status: int) -> int:
    return 500 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400


def anthropic_response(refused: RefusedError) -> JSONResponse:
    """An Anthropic error as an HTTP response."""
    identity = request_id()
    body = anthropic_body(refused.status, refused.message, identity)
    headers = {"request-id": identity}
    if refused.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    if refused.status in {429, 503, 529}:
        headers["x-should-retry"] = "true"
    return JSONResponse(body, refused.status, headers)


def google_response(refused: RefusedError) -> JSONResponse:
    """A Google API error as an HTTP response."""
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if refused.status == HTTPStatus.TOO_MANY_REQUESTS else {}
    return JSONResponse(google_body(refused.status, refused.message), refused.status, headers)
