"""The unmodified ``google-genai`` client against the stand-in."""

from typing import Any

import httpx
import httpx2
import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from quarterdeck_runner.demo.provider.gemini_wire import EMBEDDING_SIZE

MODEL = "gemini-3.8-flash"
KEY = {"x-goog-api-key": "key"}


def parts(response: types.GenerateContentResponse) -> list[types.Part]:
    candidates = response.candidates or []
    content = candidates[0].content if candidates else None
    return (content.parts or []) if content else []


def numbers(response: types.GenerateContentResponse) -> dict[str, Any]:
    assert response.usage_metadata is not None
    return {key: value for key, value in response.usage_metadata.to_json_dict().items() if key.endswith("count")}


def finish(response: types.GenerateContentResponse) -> str:
    assert response.candidates
    reason = response.candidates[0].finish_reason
    return reason.value if reason else ""


def joined(chunks: list[types.GenerateContentResponse], thought: bool = False) -> str:
    return "".join(part.text or "" for chunk in chunks for part in parts(chunk) if bool(part.thought) == thought)


PROMPTS = (
    "[[say:hello world, how are you?]]",
    "[[n:57]]",
    "[[think]][[say:yes]]",
    "[[cache]][[say:yes]] a prompt of some length",
    "[[max]][[say:yes]]",
    '[[tool:get_weather:{"city": "Oslo", "days": [[1, 2]]}]]',
    '[[think]][[tool:get_weather:{"city": "Oslo"}]]',
    "Summarise this.\n\nThe lock lasted four minutes. The pools filled up behind it. Nobody saw the muted alert.",
)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_json_and_stream_and_count_agree(gemini: genai.Client, prompt: str) -> None:
    whole = gemini.models.generate_content(model=MODEL, contents=prompt)
    chunks = list(gemini.models.generate_content_stream(model=MODEL, contents=prompt))
    assert joined(chunks) == joined([whole])
    assert joined(chunks, thought=True) == joined([whole], thought=True)
    calls = [part.function_call for part in parts(whole) if part.function_call]
    streamed = [part.function_call for chunk in chunks for part in parts(chunk) if part.function_call]
    assert [(call.name, call.args) for call in streamed] == [(call.name, call.args) for call in calls]
    assert numbers(chunks[-1]) == numbers(whole)
    assert finish(chunks[-1]) == finish(whole)
    counted = gemini.models.count_tokens(model=MODEL, contents=prompt)
    assert counted.total_tokens == numbers(whole)["prompt_token_count"]


async def test_the_async_client_gets_the_same(stand_in: str) -> None:
    client = genai.Client(api_key="key", http_options=types.HttpOptions(base_url=stand_in))
    async with client.aio as gemini:
        whole = await gemini.models.generate_content(model=MODEL, contents="[[say:the same]]")
        chunks = [
            c async for c in await gemini.models.generate_content_stream(model=MODEL, contents="[[say:the same]]")
        ]
    client.close()
    assert whole.text == joined(chunks) == "the same"
    assert [joined([chunk]) for chunk in chunks] == ["the ", "same"]


def test_usage_adds_up(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(model=MODEL, contents="[[think]][[cache]][[n:20]]")
    usage = numbers(answer)
    thoughts = usage.pop("thoughts_token_count")
    assert thoughts > 0
    assert usage == {
        "prompt_token_count": 7,
        "candidates_token_count": 20,
        "cached_content_token_count": 3,
        "total_token_count": 27 + thoughts,
    }
    assert answer.model_version == MODEL
    assert answer.response_id


def test_thoughts_are_hidden_counted_and_off_on_request(gemini: genai.Client) -> None:
    prompt = "Summarise this.\n\nThe lock lasted four minutes and the pools filled up behind it."

    def ask(**config: Any) -> types.GenerateContentResponse:
        thinking = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(**config))
        return gemini.models.generate_content(model=MODEL, contents=prompt, config=thinking)

    assert (joined([ask()], thought=True), numbers(ask())["thoughts_token_count"] > 0) == ("", True)
    assert joined([ask(include_thoughts=True)], thought=True)
    assert "thoughts_token_count" not in numbers(ask(thinking_budget=0))


def test_limits_cut_the_answer(gemini: genai.Client) -> None:
    config = types.GenerateContentConfig(max_output_tokens=2)
    short = gemini.models.generate_content(model=MODEL, contents="[[say:hello world]]", config=config)
    assert (short.text, finish(short)) == ("hello wo", "MAX_TOKENS")


def test_a_block_has_feedback_and_no_candidate(gemini: genai.Client) -> None:
    blocked = gemini.models.generate_content(model=MODEL, contents="[[block]]")
    assert blocked.candidates is None
    assert blocked.prompt_feedback is not None
    assert blocked.prompt_feedback.block_reason == types.BlockedReason.SAFETY
    chunks = list(gemini.models.generate_content_stream(model=MODEL, contents="[[block]]"))
    assert [chunk.prompt_feedback == blocked.prompt_feedback for chunk in chunks] == [True]


def test_the_client_calls_a_python_function_and_sends_its_result(stand_in: str) -> None:
    asked = []

    def get_weather(city: str) -> str:
        """Weather of a city."""
        asked.append(city)
        return "It rains in Oslo and will rain all week."

    with genai.Client(api_key="key", http_options=types.HttpOptions(base_url=stand_in)) as client:
        answer = client.models.generate_content(
            model=MODEL,
            contents='What is the weather? [[tool:get_weather:{"city": "Oslo"}]]',
            config=types.GenerateContentConfig(tools=[get_weather]),
        )
    assert asked == ["Oslo"]
    assert answer.text


class Verdict(BaseModel):
    score: int
    issues: list[str]


@pytest.mark.parametrize("key", ["response_schema", "response_json_schema"])
def test_an_answer_fits_the_schema(stand_in: str, key: str) -> None:
    schema: Any = Verdict if key == "response_schema" else Verdict.model_json_schema()
    config = types.GenerateContentConfig(**{"response_mime_type": "application/json", key: schema})
    prompt = "Review it.\n<source>The lock lasted four minutes.</source><draft>All is well.</draft>"
    with genai.Client(api_key="key", http_options=types.HttpOptions(base_url=stand_in)) as client:
        answer = client.models.generate_content(model=MODEL, contents=prompt, config=config)
    verdict = Verdict.model_validate_json(answer.text or "")
    assert verdict == Verdict(score=3, issues=["Leaves out: The lock lasted four minutes."])


def test_embeddings_have_the_size_asked_for_and_mean_something(gemini: genai.Client) -> None:
    texts: Any = ["the lock of the database", "a lock in the database", "fresh bread and butter"]
    result = gemini.models.embed_content(model="gemini-embedding-001", contents=texts)
    vectors = [each.values or [] for each in result.embeddings or []]
    assert [len(vector) for vector in vectors] == [EMBEDDING_SIZE] * 3

    def near(a: int, b: int) -> float:
        return sum(x * y for x, y in zip(vectors[a], vectors[b], strict=True))

    assert near(0, 1) > near(0, 2)
    small = gemini.models.embed_content(
        model="gemini-embedding-001", contents="a lock", config=types.EmbedContentConfig(output_dimensionality=64)
    )
    assert [len(each.values or []) for each in small.embeddings or []] == [64]


def test_one_text_can_be_embedded_by_its_own_method(stand_in: str) -> None:
    url = f"{stand_in}/v1beta/models/gemini-embedding-001:embedContent"
    answer = httpx.post(url, json={"content": {"parts": [{"text": "a lock"}]}}, headers=KEY).json()
    assert len(answer["embedding"]["values"]) == EMBEDDING_SIZE
    assert answer["usageMetadata"] == {"promptTokenCount": 2}


def test_a_stream_without_sse_is_one_json_array(stand_in: str) -> None:
    url = f"{stand_in}/v1beta/models/{MODEL}:streamGenerateContent"
    chunks = httpx.post(url, json={"contents": [{"parts": [{"text": "[[say:hello]]"}]}]}, headers=KEY).json()
    assert [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks] == ["hell", "o"]


STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@pytest.mark.parametrize("code", STATUSES)
def test_an_error_is_a_google_rpc_status(gemini: genai.Client, code: int) -> None:
    with pytest.raises(errors.APIError) as caught:
        gemini.models.generate_content(model=MODEL, contents=f"[[error:{code}]]")
    assert isinstance(caught.value, errors.ClientError if code < 500 else errors.ServerError)
    assert (caught.value.code, caught.value.status) == (code, STATUSES[code])
    with pytest.raises(errors.APIError):
        list(gemini.models.generate_content_stream(model=MODEL, contents=f"[[error:{code}]]"))


def test_a_rate_limit_says_when_to_come_again(stand_in: str) -> None:
    url = f"{stand_in}/v1/models/{MODEL}:generateContent"
    answer = httpx.post(url, json={"contents": [{"parts": [{"text": "[[error:429]]"}]}]}, headers=KEY)
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["details"][0]["retryDelay"] == "1s"


def test_errn_fails_so_many_times_and_then_answers(gemini: genai.Client, request: pytest.FixtureRequest) -> None:
    prompt = f"[[errn:2:503]][[say:at last]] {request.node.name}"
    for _ in range(2):
        with pytest.raises(errors.ServerError):
            gemini.models.generate_content(model=MODEL, contents=prompt)
    assert gemini.models.generate_content(model=MODEL, contents=prompt).text == "at last"


def test_a_cut_drops_the_connection(gemini: genai.Client) -> None:
    chunks = gemini.models.generate_content_stream(model=MODEL, contents="[[cut:2]][[say:hello world]]")
    assert [next(chunks).text, next(chunks).text] == ["hell", "o wo"]
    with pytest.raises(httpx2.RemoteProtocolError):
        next(chunks)
    with pytest.raises(httpx2.RemoteProtocolError):
        gemini.models.generate_content(model=MODEL, contents="[[cut:2]][[say:hello world]]")


def test_a_broken_stream_sends_an_error_chunk(gemini: genai.Client) -> None:
    chunks = gemini.models.generate_content_stream(model=MODEL, contents="[[sseerror:1]][[say:hello world]]")
    assert next(chunks).text == "hell"
    with pytest.raises(errors.ServerError) as caught:
        next(chunks)
    assert caught.value.code == 503


def test_a_bad_request_is_refused_with_the_reason(stand_in: str) -> None:
    def post(model: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, str]:
        answer = httpx.post(f"{stand_in}/v1/models/{model}:generateContent", json=body, headers=headers)
        return answer.status_code, answer.json()["error"]["status"]

    good = {"contents": [{"parts": [{"text": "a"}]}]}
    assert post(MODEL, good, {}) == (403, "PERMISSION_DENIED")
    assert post("palm-2", good, KEY) == (404, "NOT_FOUND")
    assert post(MODEL, {}, KEY) == (400, "INVALID_ARGUMENT")
    assert post(MODEL, {"contents": [{"role": "robot", "parts": [{"text": "a"}]}]}, KEY) == (400, "INVALID_ARGUMENT")
    assert post(MODEL, {"contents": [{"parts": []}]}, KEY) == (400, "INVALID_ARGUMENT")


def test_models_are_listed(gemini: genai.Client) -> None:
    assert f"models/{MODEL}" in [model.name for model in gemini.models.list()]
    assert gemini.models.get(model=MODEL).display_name == "Gemini 3.8 Flash"
