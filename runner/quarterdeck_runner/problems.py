"""Errors as problem documents (RFC 9457)."""

import logging
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from quarterdeck_runner.batches import BatchStateError, UnknownBatchError
from quarterdeck_runner.engine import IllegalStateError, UnknownRunError
from quarterdeck_runner.heartbeats import CommandRefusedError
from quarterdeck_runner.key_stores import KeyStoreError
from quarterdeck_runner.keys import KeyRefusedError, NoKeyError, scrub

MEDIA_TYPE: Final = "application/problem+json"

log = logging.getLogger("quarterdeck.runner")


class Problem(BaseModel):
    """Why a request was not done."""

    type: str = "about:blank"
    title: str = Field(examples=["Run not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no run '42'"])
    errors: list[dict[str, Any]] | None = Field(None, description="Single problems, where there are several.")


class ProblemError(Exception):
    """Raised by a route to answer with a problem document.

    Args:
        status: HTTP status.
        title: what kind of problem it is.
        detail: what is wrong with this request, and what to do.
        errors: single problems.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(title=title, status=status, detail=detail, errors=errors)
        self.headers = headers or {}


def response(error: ProblemError) -> JSONResponse:
    """The answer that an error stands for."""
    return _response(error.problem, error.headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer with problems."""
    return {status: {"model": Problem, "content": {MEDIA_TYPE: {}}} for status in statuses}


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(UnknownBatchError, _answer(404, "Batch not found"))
    app.add_exception_handler(BatchStateError, _answer(409, "The state of the batch does not allow this"))
    app.add_exception_handler(UnknownRunError, _answer(404, "Run not found"))
    app.add_exception_handler(IllegalStateError, _answer(409, "The state of the run does not allow this"))
    app.add_exception_handler(CommandRefusedError, _answer(409, "The state of the run does not allow this"))
    app.add_exception_handler(NoKeyError, _answer(404, "Key not found"))
    app.add_exception_handler(KeyRefusedError, _answer(409, "The key cannot be changed so"))
    app.add_exception_handler(KeyStoreError, _answer(409, "The key store cannot do this"))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(sqlalchemy.exc.OperationalError, _away)
    app.add_exception_handler(Exception, _failed)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for nothing else
    return response(error)


def _answer(status: int, title: str) -> Any:
    async def answer(_: Request, error: Exception) -> JSONResponse:
        return _response(Problem(title=title, status=status, detail=str(error), errors=None))

    return answer


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    errors = [{"field": ".".join(map(str, each["loc"][1:])), "message": each["msg"]} for each in error.errors()]
    detail = "; ".join(f"{each['field'] or 'body'}: {each['message']}" for each in errors)
    return _response(Problem(title="The request is not valid", status=422, detail=detail, errors=errors))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    title, headers = str(error.detail), dict(error.headers or {})
    detail = {
        404: f"there is nothing at {request.url.path}; /docs describes what there is",
        405: f"{request.method} is not for {request.url.path}; it takes {headers.get('allow', 'other methods')}",
    }.get(error.status_code, title)
    return _response(Problem(title=title, status=error.status_code, detail=detail, errors=None), headers)


async def _away(_: Request, error: Exception) -> JSONResponse:
    log.error("the database does not answer: %s", getattr(error, "orig", error))
    detail = "the database of the runner does not answer; try again in a moment, and see /readyz"
    return _response(Problem(title="Not now", status=503, detail=detail, errors=None), {"Retry-After": "1"})


async def _failed(_: Request, error: Exception) -> JSONResponse:
    # What went wrong is in the log, where the server writes it: an answer must not tell how the runner is made.
    detail = f"the runner failed at this ({type(error).__name__}); its log says how"
    return _response(Problem(title="Internal error", status=500, detail=detail, errors=None))


def _response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = problem.model_dump(exclude_none=True) | {"detail": scrub(problem.detail)}
    return JSONResponse(body, problem.status, dict(headers or {}), media_type=MEDIA_TYPE)
