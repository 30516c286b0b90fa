"""One request and its answer, free of any provider's wire format."""

from dataclasses import dataclass, field
from typing import Any, Literal

from quarterdeck_runner.demo.provider import directives, tokens
from quarterdeck_runner.demo.provider.directives import Directives

Finish = Literal["stop", "stop_sequence", "length", "tool", "blocked"]
Kind = Literal["thinking", "text", "tool"]


@dataclass(frozen=True)
class Tool:
    """A function that the model may call."""

    name: str
    parameters: dict[str, Any]
    description: str = ""


@dataclass(frozen=True)
class Request:
    """What a client asks.

    Attributes:
        system: system instruction.
        turns: texts of the conversation in order, each with its role (``user`` or ``assistant``).
        prompt_tokens: size of the whole prompt, tools included.
        forced_tool: whether an answer must be a tool call.
        schema: JSON schema the answer must fit, if any.
        max_tokens: limit of the answer, thinking included; None for no limit.
    """

    model: str
    system: str
    turns: tuple[tuple[str, str], ...]
    prompt_tokens: int
    tools: tuple[Tool, ...] = ()
    forced_tool: bool = False
    wants_json: bool = False
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()
    thinks: bool = False
    thinks_aloud: bool = True
    has_tool_result: bool = False
    directives: Directives = field(default_factory=Directives)

    @property
    def prompt(self) -> str:
        """Text of the last turn of the user, without directives."""
        texts = [text for role, text in self.turns if role == "user" and text]
        return directives.strip(texts[-1]) if texts else ""


@dataclass(frozen=True)
class Usage:
    """Tokens of one call. ``prompt`` includes ``cache_read`` and ``cache_write``; ``output`` includes ``thinking``."""

    prompt: int
    output: int
    thinking: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool by the model."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """A stretch of the answer as it is streamed."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Answer:
    """What the model says.

    Attributes:
        thinking_tokens: size of the thinking, which may be hidden.
        stop_sequence: the sequence that ended the answer, if one did.
    """

    text: str
    thinking: str
    thinking_tokens: int
    tool: ToolCall | None
    finish: Finish
    stop_sequence: str | None = None

    def pieces(self, single: bool, sizes: tuple[int, ...]) -> list[Piece]:
        """The answer in the pieces in which it is streamed.

        Args:
            single: pieces of one token instead of some words.
            sizes: words per piece otherwise.
        """

        def split(text: str) -> list[str]:
            return tokens.single(text) if single else tokens.grouped(text, sizes)

        thinking = [Piece("thinking", part) for part in split(self.thinking)]
        return thinking + [Piece("text", part) for part in split(self.text)]
