"""What libraries do not tell, or tell wrongly: nothing that a collector could mend. One table, a reason each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

from support.recordings import Call, Recording

Change = Callable[[list[Call]], list[Call]]


def without(*columns: str) -> Change:
    """The columns are empty."""
    kinds = {"ResponseId": "", "FinishReason": "", "streamed": False}
    empty: dict[str, Any] = {column: kinds.get(column, 0) for column in columns}
    return lambda calls: [replace(call, **empty) for call in calls]


def each(change: Callable[[Call], Call]) -> Change:
    """Every call is changed."""
    return lambda calls: [change(call) for call in calls]


def _uncached(call: Call) -> Call:
    return replace(
        call,
        InputTokens=call.InputTokens - call.CacheReadTokens - call.CacheWriteTokens,
        CacheReadTokens=0,
        CacheWriteTokens=0,
    )


def _thoughtless(call: Call) -> Call:
    return replace(call, OutputTokens=call.OutputTokens - call.ReasoningTokens, ReasoningTokens=0)


def _none(call: Call) -> Call:
    return replace(call, OutputTokens=0)


def _one_more(call: Call) -> Call:
    return replace(call, OutputTokens=call.OutputTokens + 1)


def _stop(call: Call) -> Call:
    return replace(call, FinishReason="stop" if call.FinishReason == "tool_call" else call.FinishReason)


USAGE = ("InputTokens", "OutputTokens", "CacheReadTokens", "CacheWriteTokens", "ReasoningTokens")


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


def _any(name: str, patterns: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns.split())


def expected(recording: Recording) -> list[Call]:
    """The provider's account as far as the library passes it on."""
    calls = recording.calls
    for gap in NOT_REPORTED:
        if gap.covers(recording):
            calls = gap.change(calls)
    return calls


def missing_texts(recording: Recording) -> set[str]:
    """Which of ``prompt`` and ``answer`` the library does not send."""
    return {text for gap, text in NO_TEXT if gap.covers(recording)}


NOT_REPORTED = (
    # -- which answer it was
    Gap(
        "genai-google-0.2 openllmetry-*-0.33 openllmetry-google-0.47 langfuse-* openinference-google-0.1",
        "*",
        without("ResponseId"),
        "sends no id of the answer",
    ),
    Gap(
        "openinference-anthropic-0.1",
        "*stream*",
        without("ResponseId"),
        "the answer of a stream is a Python object's name",
    ),
    Gap("genai-google", "embeddings", without("ResponseId"), "Gemini gives embeddings no id"),
    # -- why it ended
    Gap("openinference-*-0.1 langfuse-*", "*", without("FinishReason"), "sends no finish reason"),
    Gap("openllmetry-google-0.33 openllmetry-google-0.47", "*", without("FinishReason"), "sends no finish reason"),
    Gap(
        "genai-google* openinference-google openinference-both-google openllmetry-google logfire-google",
        "tool*",
        each(_stop),
        "passes Gemini's own word for a tool call on: STOP",
    ),
    Gap(
        "double-genai-openinference-google",
        "tool*",
        each(_stop),
        "both pass Gemini's own word for a tool call on: STOP",
    ),
    Gap(
        "genai-google openinference-google openllmetry-google",
        "refusal",
        without("FinishReason"),
        "a blocked prompt has no candidate that ended",
    ),
    # -- reasoning
    Gap(
        "openllmetry-anthropic* langfuse-anthropic vercel-gen-ai",
        "*think*",
        without("ReasoningTokens"),
        "does not tell reasoning apart from output",
    ),
    Gap("vercel-4", "anthropic-think*", without("ReasoningTokens"), "does not tell reasoning apart from output"),
    Gap(
        "genai-google-0.2 vercel-4",
        "think* google-think*",
        each(_thoughtless),
        "leaves thoughts out of the output and sends no total",
    ),
    # -- cache
    Gap("vercel-4", "anthropic-cache*", each(_uncached), "sends the uncached tokens only, nothing of the cache"),
    Gap(
        "openinference-anthropic-0.1",
        "cache_stream",
        each(_uncached),
        "sends the uncached tokens only, nothing of the cache",
    ),
    Gap(
        "vercel-4 genai-google-0.2 openllmetry-google-0.47 openllmetry-google-0.33",
        "google-cache* cache*",
        without("CacheReadTokens"),
        "sends nothing of the cache",
    ),
    Gap(
        "openinference-google-0.1",
        "cache_stream",
        without("CacheReadTokens"),
        "sends nothing of the cache for a stream",
    ),
    # -- usage at all
    Gap(
        "openllmetry-anthropic-0.33 openllmetry-anthropic-0.47",
        "*stream*",
        without(*USAGE),
        "sends no usage for a stream",
    ),
    Gap("openinference-google", "embeddings", without(*USAGE), "sends no usage for embeddings"),
    Gap(
        "vercel-*",
        "google-embeddings",
        without(*USAGE),
        "looks for the usage of embeddings where Gemini does not put it",
    ),
    # -- wrong usage
    Gap("openllmetry-anthropic", "*stream*", each(_one_more), "adds the first event's placeholder of one output token"),
    Gap(
        "anthropic-sdk quarterdeck-anthropic",
        "cut",
        each(_none),
        "keeps the output tokens of a stream that broke off back",
    ),
    # -- time to the first chunk
    Gap(
        "openinference-* openllmetry-* logfire-anthropic double-sdk-logfire genai-google-0.2",
        "*stream* cut",
        without("streamed"),
        "does not tell when the first chunk came",
    ),
    Gap(
        "genai-anthropic", "stream_helper", without("streamed"), "does not tell when the first chunk of .stream() came"
    ),
    # -- calls
    Gap(
        "genai-google openinference-google openllmetry-google double-genai-openinference-google",
        "tool_run",
        lambda calls: calls[-1:],
        "reports the loop of automatic function calling as its last call",
    ),
)

NO_TEXT = (
    (Gap("genai-google-0.2", "*", each(_none), "puts texts into log events"), "prompt"),
    (Gap("genai-google-0.2", "*", each(_none), "puts texts into log events"), "answer"),
    (Gap("anthropic-sdk", "*stream", each(_none), "keeps the text of create(stream=True) back"), "answer"),
)
