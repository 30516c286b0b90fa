"""What libraries do not tell, or tell wrongly: nothing that a collector could mend. One table, a reason each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any
from unittest.mock import ANY

from support.recordings import Call, Recording

Change = Callable[[list[Call]], list[Call]]


@dataclass(frozen=True)
class Gap:
    """What is missing in the cases that the two patterns match.

    Attributes:
        dialects: patterns of dialects, separated by blanks.
        cases: patterns of cases, separated by blanks.
        change: what the provider's account looks like through that library.
        reason: why.
    """

    dialects: str
    cases: str
    change: Change
    reason: str

    def covers(self, recording: Recording) -> bool:
        """Whether the recording shows this gap."""
        return _any(recording.dialect, self.dialects) and _any(recording.case, self.cases)


def expected(recording: Recording) -> list[Call]:
    """The provider's account as far as the library passes it on."""
    calls = recording.calls
    for gap in NOT_REPORTED:
        if gap.covers(recording):
            calls = gap.change(calls)
    return calls


def missing_texts(recording: Recording) -> set[str]:
    """Which of ``prompt`` and ``answer`` the library does not send."""
    return {
        text
        for dialects, cases, texts, _ in NO_TEXT
        if _any(recording.dialect, dialects) and _any(recording.case, cases)
        for text in texts
    }


def _any(name: str, patterns: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns.split())


def without(*columns: str) -> Change:
    """The columns are empty."""
    kinds = {"ResponseId": "", "FinishReason": "", "RequestModel": "", "Model": "", "streamed": False}
    empty: dict[str, Any] = {column: kinds.get(column, 0) for column in columns}
    return lambda calls: [replace(call, **empty) for call in calls]


def each(change: Callable[[Call], Call]) -> Change:
    """Every call is changed."""
    return lambda calls: [change(call) for call in calls]


def _made_up(call: Call) -> Call:
    return replace(call, ResponseId=ANY)


def _uncached(call: Call) -> Call:
    cached = call.CacheReadTokens + call.CacheWriteTokens
    return replace(call, InputTokens=call.InputTokens - cached, CacheReadTokens=0, CacheWriteTokens=0)


def _thoughtless(call: Call) -> Call:
    return replace(call, OutputTokens=call.OutputTokens - call.ReasoningTokens, ReasoningTokens=0)


def _placeholder_added(call: Call) -> Call:
    return replace(call, OutputTokens=call.OutputTokens + 1)


def _chunks_added_up(call: Call) -> Call:
    chunks = call.OutputTokens  # the stand-in sent one token a chunk, and each chunk repeats the count so far
    return replace(call, InputTokens=call.InputTokens * chunks, OutputTokens=chunks * (chunks + 1) // 2)


def _stop(call: Call) -> Call:
    return replace(call, FinishReason="stop" if call.FinishReason == "tool_call" else call.FinishReason)


_USAGE = ("InputTokens", "OutputTokens", "CacheReadTokens", "CacheWriteTokens", "ReasoningTokens")

NOT_REPORTED = (
    # -- which answer it was
    Gap(
        "genai-google-0.2 openllmetry-*-0.33 openllmetry-google-0.47 openinference-google-0.1 langfuse-*",
        "*",
        without("ResponseId"),
        "sends no id of the answer",
    ),
    Gap("openinference-anthropic-0.1", "*stream*", without("ResponseId"), "sends no id of a streamed answer"),
    Gap("vercel-4 vercel-5", "google-[!e]*", each(_made_up), "makes an id up instead of Gemini's"),
    # -- which model
    Gap("openinference-google-0.1", "error", without("RequestModel", "Model"), "knows the model from the answer only"),
    # -- why it ended
    Gap(
        "openinference-*-0.1 openllmetry-google-0.33 openllmetry-google-0.47 langfuse-*",
        "*",
        without("FinishReason"),
        "sends no finish reason",
    ),
    Gap(
        "genai-google* openinference-google openinference-both-google openllmetry-google logfire-google double-genai-*",
        "tool*",
        each(_stop),
        "passes Gemini's own word for a tool call on, which is STOP",
    ),
    Gap(
        "genai-google openinference-google openllmetry-google",
        "refusal",
        without("FinishReason"),
        "knows finish reasons of candidates only, and a blocked prompt has none",
    ),
    # -- reasoning
    Gap(
        "openllmetry-anthropic* langfuse-anthropic vercel-gen-ai",
        "*think*",
        without("ReasoningTokens"),
        "does not tell reasoning from other output",
    ),
    Gap("vercel-4", "anthropic-think*", without("ReasoningTokens"), "does not tell reasoning from other output"),
    Gap(
        "genai-google-0.2 vercel-4",
        "think* google-think*",
        each(_thoughtless),
        "leaves thoughts out of the output and sends no total",
    ),
    # -- cache
    Gap("vercel-4", "anthropic-cache*", each(_uncached), "sends uncached tokens only"),
    Gap("openinference-anthropic-0.1", "cache_stream", each(_uncached), "sends uncached tokens only"),
    Gap(
        "vercel-4 genai-google-0.2 openllmetry-google-0.47 openllmetry-google-0.33",
        "cache* google-cache*",
        without("CacheReadTokens"),
        "sends nothing of the cache",
    ),
    Gap("langfuse-anthropic", "openai_shape", without("CacheWriteTokens"), "OpenAI's usage has no word for it"),
    Gap(
        "genai-anthropic openllmetry-anthropic",
        "cache_hour",
        without("CacheWriteHourTokens"),
        "does not tell for how long the cache was written",
    ),
    # -- usage
    Gap("openllmetry-anthropic-0.33 openllmetry-anthropic-0.47", "*stream*", without(*_USAGE), "none for a stream"),
    Gap("openinference-google vercel-*", "*embeddings", without(*_USAGE), "none for embeddings"),
    Gap("openllmetry-anthropic", "*stream*", each(_placeholder_added), "adds the first event's placeholder of 1"),
    Gap("genai-google-0.2", "*stream", each(_chunks_added_up), "adds the usage of all chunks up"),
    Gap(
        "openllmetry-google-0.33",
        "stream",
        each(lambda call: replace(call, OutputTokens=1)),
        "sends the usage of the first chunk",
    ),
    Gap(
        "anthropic-sdk quarterdeck-anthropic",
        "cut",
        without("OutputTokens"),
        "keeps the output of a stream that broke off back",
    ),
    # -- time to the first chunk
    Gap(
        "openinference-* openllmetry-* logfire-anthropic double-sdk-logfire genai-google-0.2",
        "*stream* cut",
        without("streamed"),
        "does not tell when the first chunk came",
    ),
    Gap(
        "genai-anthropic", "stream_manager", without("streamed"), "does not tell when the first chunk of .stream() came"
    ),
    # -- calls
    Gap(
        "genai-google openinference-google openllmetry-google double-genai-*",
        "tool_run",
        lambda calls: calls[-1:],
        "reports the loop of automatic function calling as its last call",
    ),
    Gap(
        "double-sdk-openllmetry",
        "error",
        lambda calls: calls * 2,
        "puts its span beside the client's, and a failed call has no id that would tell they are one",
    ),
)

NO_TEXT = (
    ("genai-google-0.2", "*", ("prompt", "answer"), "puts texts into log events"),
    ("genai-google vercel-gen-ai", "*embeddings", ("prompt",), "leaves the texts of embeddings out"),
    ("anthropic-sdk", "*stream", ("answer",), "keeps the text of create(stream=True) back"),
)
"""Dialects, cases, the texts they do not send, and why."""
