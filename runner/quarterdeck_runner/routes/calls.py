"""One model call by itself: to try an edited prompt, or to send a recorded one again."""

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, model_validator

import quarterdeck as qd
from quarterdeck_runner import prices
from quarterdeck_runner.experiments import is_gemini
from quarterdeck_runner.keys import DEFAULT, PROFILE
from quarterdeck_runner.models import Provider, choose
from quarterdeck_runner.problems import documented
from quarterdeck_runner.providers import Answer, ModelCall, explain
from quarterdeck_runner.routes.state import Runner
from quarterdeck_runner.spec import TokenBudget

router = APIRouter(prefix="/v1/calls", tags=["prompts"])

PIPELINE = "prompt_debugger"
"""Under this name the runs of such calls are seen."""

_PATIENCE_S = 300.0


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str = Field(min_length=1, max_length=4_000_000, examples=["What is a neap tide?"])


class StartCall(BaseModel):
    """What to ask, and whom."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=200, examples=["haiku"])
    system: str = Field("", max_length=4_000_000)
    messages: list[Message] = Field(min_length=1, max_length=1000, description="The last one is the question.")
    max_output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False, description="Of Gemini.")
    key: str = Field(DEFAULT, pattern=PROFILE, description="Profile of the key.")
    origin: str = Field("", max_length=300, description="Where the prompt is from, such as a span, for the record.")

    @model_validator(mode="after")
    def _ends_with_a_question(self) -> "StartCall":
        if self.messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        return self


class CallAnswer(BaseModel):
    """What was answered, and what it took."""

    run_id: str = Field(description="Run under which the call is recorded.")
    provider: Provider
    model: str
    text: str
    problem: str = Field(description="Why there is no answer; else empty.", examples=[""])
    finish_reason: str
    input_tokens: int
    output_tokens: int = Field(description="With those of thinking.")
    cost_usd: float | None = Field(description="Null where the price is not known, or nothing was answered.")
    seconds: float


@router.post("", responses=documented(422))
async def make_call(start: Annotated[StartCall, Body()], runner: Runner) -> CallAnswer:
    """Ask a model once and wait for its answer; the call is recorded as a run, into whose page it streams."""
    call, run_id, problem = call_of(start), "", ""
    answer = Answer("", call.model, "")
    began = time.perf_counter()
    given: dict[str, Any] = {"model": call.model, "origin": start.origin}
    try:
        async with qd.pipeline(PIPELINE, version="1", input=given, total=1, control=False) as run:
            run_id = run.id
            async with qd.step("call", kind=call.provider, index=1, total=1):
                answer = await runner.providers.ask(call)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the answer
        problem = explain(error).message
    return _told(run_id, call, answer, problem, time.perf_counter() - began)


def call_of(start: StartCall) -> ModelCall:
    """The question as providers take it."""
    provider: Provider = "gemini" if is_gemini(start.model) else "claude"
    *before, question = start.messages
    return ModelCall(
        provider=provider,
        model=choose(start.model).name,
        prompt=question.content,
        system=start.system,
        budget=TokenBudget(max_output_tokens=start.max_output_tokens, temperature=start.temperature),
        timeout_s=_PATIENCE_S,
        client_retries=True,
        history=tuple((message.role, message.content) for message in before),
        profile=start.key,
    )


def _told(run_id: str, call: ModelCall, answer: Answer, problem: str, seconds: float) -> CallAnswer:
    used = answer.usage
    tokens_in, tokens_out = used.get("input_tokens", 0), used.get("output_tokens", 0) + used.get("thinking_tokens", 0)
    return CallAnswer(
        run_id=run_id,
        provider=call.provider,
        model=answer.model,
        text=answer.text,
        problem=problem,
        finish_reason=answer.finish_reason,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost_usd=prices.current().cost(call.provider, call.model, input_tokens=tokens_in, output_tokens=tokens_out),
        seconds=seconds,
    )
