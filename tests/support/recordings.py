"""Recordings of real libraries (``tests/collector/dialects``), and what the provider says that each call was."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from genai_prices import Usage, calc_price
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

FOLDER = Path(__file__).parent.parent / "collector" / "dialects"
_ANTHROPIC_FINISH = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_call", "refusal": "content_filter"}
_GEMINI_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}


@dataclass(frozen=True)
class Call:
    """One model call in the provider's own numbers, under the rules of the conventions.

    ``InputTokens`` include what was read from and written to a cache, ``OutputTokens`` include reasoning,
    ``CacheWriteTokens`` what was written for an hour. The last three say whether it failed, made embeddings, and was
    streamed (so that the time to the first chunk is of interest).
    """

    Provider: str
    RequestModel: str
    Model: str
    ResponseId: str
    InputTokens: int
    OutputTokens: int
    CacheReadTokens: int
    CacheWriteTokens: int
    ReasoningTokens: int
    FinishReason: str
    CacheWriteHourTokens: int = 0
    failed: bool = False
    embeds: bool = False
    streamed: bool = False

    def cost(self, at: datetime) -> float | None:
        """USD by the ``genai-prices`` package.

        Args:
            at: when the call was made: prices change.
        """
        if self.InputTokens + self.OutputTokens == 0:
            return None
        usage = Usage(
            input_tokens=self.InputTokens,
            output_tokens=self.OutputTokens,
            cache_read_tokens=self.CacheReadTokens,
            cache_write_tokens=self.CacheWriteTokens,
            cache_write_1h_tokens=self.CacheWriteHourTokens,
        )
        price = calc_price(usage, self.Model, provider_id=self.Provider, genai_request_timestamp=at)
        return float(price.total_price)


@dataclass(frozen=True)
class Recording:
    """What one library exported in one case, and what the provider answered meanwhile."""

    dialect: str
    case: str

    @cached_property
    def request(self) -> ExportTraceServiceRequest:
        """The spans, as exported."""
        packed = (FOLDER / self.dialect / f"{self.case}.otlp.gz").read_bytes()
        request = ExportTraceServiceRequest()
        request.ParseFromString(gzip.decompress(packed))
        return request

    @cached_property
    def trace_ids(self) -> set[str]:
        """Traces that the spans belong to: without a parent span, each call has its own."""
        return {span.trace_id.hex() for span in spans_of(self.request)}

    @cached_property
    def calls(self) -> list[Call]:
        """The provider's account; an attempt that was refused and tried again is no call of its own."""
        exchanges = json.loads((FOLDER / self.dialect / f"{self.case}.json").read_text())
        calls = [_call(exchange) for exchange in exchanges]
        return [call for call, after in zip(calls, [*calls[1:], None], strict=True) if not (call.failed and after)]

    def __str__(self) -> str:
        return f"{self.dialect}/{self.case}"


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Any]:
    """All spans of a request."""
    for whole in request.resource_spans:
        for scoped in whole.scope_spans:
            yield from scoped.spans


def recordings() -> Iterator[Recording]:
    """All recordings, in a fixed order."""
    for path in sorted(FOLDER.glob("*/*.otlp.gz")):
        yield Recording(path.parent.name, path.name.removesuffix(".otlp.gz"))


def _call(exchange: dict[str, Any]) -> Call:
    answer = exchange["response"]
    if "messages" in exchange["path"]:
        return _anthropic(exchange, answer)
    return _gemini(exchange, answer[-1] if isinstance(answer, list) else answer or {})


def _anthropic(exchange: dict[str, Any], answer: Any) -> Call:
    """Anthropic counts cached tokens apart from ``input_tokens``; a stream's last event corrects its first."""
    events = answer if isinstance(answer, list) else []
    message = dict(events[0]["message"] if events else answer)
    usage = dict(message.get("usage") or {})
    for event in events[1:]:
        message |= event.get("delta", {})
        usage |= event.get("usage", {})
    read, written = usage.get("cache_read_input_tokens", 0), usage.get("cache_creation_input_tokens", 0)
    reason = message.get("stop_reason") or ""
    return Call(
        Provider="anthropic",
        RequestModel=exchange["model"],
        Model=message.get("model") or exchange["model"],
        ResponseId=message.get("id") or "",
        InputTokens=usage.get("input_tokens", 0) + read + written,
        OutputTokens=usage.get("output_tokens", 0),
        CacheReadTokens=read,
        CacheWriteTokens=written,
        ReasoningTokens=usage.get("output_tokens_details", {}).get("thinking_tokens", 0),
        FinishReason=_ANTHROPIC_FINISH.get(reason, reason),
        CacheWriteHourTokens=usage.get("cache_creation", {}).get("ephemeral_1h_input_tokens", 0),
        failed=exchange["status"] >= 400 or not reason,
        streamed=bool(events),
    )


def _gemini(exchange: dict[str, Any], answer: dict[str, Any]) -> Call:
    """Gemini counts cached tokens in the prompt, and thoughts apart from the candidates; both are billed."""
    usage = answer.get("usageMetadata", {})
    candidate = (answer.get("candidates") or [{}])[0]
    parts = candidate.get("content", {}).get("parts", [])
    reason = _GEMINI_FINISH.get(candidate.get("finishReason", ""), "")
    if any("functionCall" in part for part in parts):
        reason = "tool_call"  # Gemini itself says STOP
    elif answer.get("promptFeedback", {}).get("blockReason"):
        reason = "content_filter"
    thoughts = usage.get("thoughtsTokenCount", 0)
    return Call(
        Provider="gcp.gemini",
        RequestModel=exchange["model"],
        Model=answer.get("modelVersion") or exchange["model"],
        ResponseId=answer.get("responseId", ""),
        InputTokens=usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
        OutputTokens=usage.get("candidatesTokenCount", 0) + thoughts,
        CacheReadTokens=usage.get("cachedContentTokenCount", 0),
        CacheWriteTokens=0,
        ReasoningTokens=thoughts,
        FinishReason=reason,
        failed=exchange["status"] >= 400,
        embeds="mbedContent" in exchange["path"],
        streamed="stream" in exchange["path"] and exchange["status"] < 400,
    )
