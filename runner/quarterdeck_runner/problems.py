"""Errors as problem documents (RFC 9457)."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from quarterdeck_runner.batches import BatchStateError, UnknownBatchError
from quarterdeck_runner.engine import IllegalStateError, UnknownRunError
from quarterdeck_runner.heartbeats import CommandRefusedError


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
    """

    def __init__(self, status: int, title: str, detail: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(title=title, status=status, detail=detail, errors=errors)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer with problems."""
    return {status: {"model": Problem, "content": {"application/problem+json": {}}} for status in statuses}


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(UnknownBatchError, _answer(404, "Batch not found"))
    app.add_exception_handler(BatchStateError, _answer(409, "The state of the batch does not allow this"))
    app.add_exception_handler(UnknownRunError, _answer(404, "Run not found"))
    app.add_exception_handler(IllegalStateError, _answer(409, "The state of the run does not allow this"))
    app.add_exception_handler(CommandRefusedError, _answer(409, "The state of the run does not allow this"))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for nothing else
    return _response(error.problem)


def _answer(status: int, title: str) -> Any:
    async def answer(_: Request, error: Exception) -> JSONResponse:
        return _response(Problem(title=title, status=status, detail=str(error), errors=None))

    return answer


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    errors = [{"field": ".".join(map(str, each["loc"][1:])), "message": each["msg"]} for each in error.errors()]
    detail = "; ".join(f"{each['field'] or 'body'}: {each['message']}" for each in errors)
    return _response(Problem(title="The request is not valid", status=422, detail=detail, errors=errors))


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    problem = Problem(title=str(error.detail), status=error.status_code, detail=str(error.detail), errors=None)
    response = _response(problem)
    response.headers.update(error.headers or {})
    return response


def _response(problem: Problem) -> JSONResponse:
    body = problem.model_dump(exclude_none=True)
    return JSONResponse(body, problem.status, media_type="application/problem+json")
