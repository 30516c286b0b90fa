"""Model calls as Langfuse users report them: by hand, with usage in the forms that its documentation shows."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import anthropic
from langfuse import get_client, observe, propagate_attributes

from recording import claude, gemini
from recording.texts import CLAUDE as CLAUDE_MODEL
from recording.texts import EMBEDDER, QUESTION, SAY, SLOWLY
from recording.texts import GEMINI as GEMINI_MODEL


def _claude_usage(usage: Any) -> dict[str, int]:
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "cache_creation_input_tokens": usage.cache_creation_input_tokens,
    }


def _generate(client: Any, *directives: str, name: str = "answer") -> Any:
    asked = claude.ask(*directives)
    with get_client().start_as_current_observation(
        as_type="generation",
        name=name,
        model=CLAUDE_MODEL,
        input=asked["messages"],
        model_parameters={"max_tokens": asked["max_tokens"]},
    ) as generation:
        answer = client.messages.create(**asked)
        text = "".join(getattr(block, "text", "") for block in answer.content)
        generation.update(output=text, usage_details=_claude_usage(answer.usage))
        return answer


def plain(client: Any) -> None:
    _generate(client, SAY)


def cache(client: Any) -> None:
    _generate(client, SAY, "[[cache]]")


def think(client: Any) -> None:
    _generate(client, SAY, "[[think]]")


def stream(client: Any) -> None:
    asked = claude.ask(SAY, SLOWLY)
    with get_client().start_as_current_observation(
        as_type="generation", name="answer", model=CLAUDE_MODEL, input=asked["messages"]
    ) as generation:
        with client.messages.stream(**asked) as events:
            for number, _ in enumerate(events.text_stream):
                if number == 0:
                    generation.update(completion_start_time=datetime.now(UTC))
            answer = events.get_final_message()
        generation.update(output=answer.content[0].text, usage_details=_claude_usage(answer.usage))


def openai_shape(client: Any) -> None:
    """Usage with OpenAI's names: prompt_tokens include the cached ones."""
    asked = claude.ask(SAY, "[[cache]]")
    with get_client().start_as_current_observation(
        as_type="generation", name="answer", model=CLAUDE_MODEL, input=asked["messages"]
    ) as generation:
        answer = client.messages.create(**asked)
        read, written = answer.usage.cache_read_input_tokens, answer.usage.cache_creation_input_tokens
        generation.update(
            output=answer.content[0].text,
            usage_details={
                "prompt_tokens": answer.usage.input_tokens + read + written,
                "completion_tokens": answer.usage.output_tokens,
                "total_tokens": answer.usage.input_tokens + read + written + answer.usage.output_tokens,
                "prompt_tokens_details": {"cached_tokens": read},
            },
        )


def error(client: Any) -> None:
    with contextlib.suppress(anthropic.APIStatusError):
        _generate(client, "[[error:429]]")


def observed(client: Any) -> None:
    """The decorator, for a trace of its own with a step, a tool and a call."""

    @observe(as_type="tool")
    def look_up(city: str) -> str:
        return f"{city}: 18 degrees"

    @observe(name="write")
    def write(facts: str) -> str:
        return str(_generate(client, SAY).content[0].text) + facts

    @observe(name="weather-brief")
    def brief(city: str) -> str:
        return write(look_up(city))

    with propagate_attributes(trace_name="weather-brief-trace", session_id="session-1", user_id="user-1"):
        brief("Brest")


def gemini_plain(google: Any) -> None:
    _generate_gemini(google, SAY)


def gemini_cache(google: Any) -> None:
    _generate_gemini(google, SAY, "[[cache]]")


def gemini_think(google: Any) -> None:
    _generate_gemini(google, SAY, "[[think]]")


def _generate_gemini(google: Any, *directives: str) -> None:
    asked = gemini.ask(*directives)
    with get_client().start_as_current_observation(
        as_type="generation", name="answer", model=GEMINI_MODEL, input=asked["contents"]
    ) as generation:
        answer = google.models.generate_content(**asked)
        usage = answer.usage_metadata
        cached, thoughts = usage.cached_content_token_count or 0, usage.thoughts_token_count or 0
        details = {
            "input": usage.prompt_token_count - cached,
            "output": usage.candidates_token_count,
            "input_cached_tokens": cached,
            "output_reasoning_tokens": thoughts,
        }
        generation.update(output=answer.text, usage_details={k: v for k, v in details.items() if v})


def gemini_embeddings(google: Any) -> None:
    with get_client().start_as_current_observation(
        as_type="embedding", name="embed", model=EMBEDDER, input=QUESTION
    ) as embedding:
        google.models.embed_content(model=EMBEDDER, contents=QUESTION)
        embedding.update(usage_details={"input": 18})


CLAUDE = (plain, stream, cache, think, openai_shape, error, observed)
GEMINI = (gemini_plain, gemini_cache, gemini_think, gemini_embeddings)
