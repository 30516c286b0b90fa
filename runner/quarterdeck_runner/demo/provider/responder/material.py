"""What a prompt brings: the instruction, and the material it speaks of."""

import re
from dataclasses import dataclass
from functools import cached_property

from quarterdeck_runner.demo.provider.responder import text

_BLOCK = re.compile(r"<([A-Za-z][\w-]*)(?:\s[^<>]*)?>(.*?)</\1>", re.DOTALL)
_INTENTS = (
    ("revise", r"\b(?:revis|rewrit|rework|improv)"),
    ("critique", r"\b(?:critiqu|review|assess|evaluat|grade|score)"),
    ("translate", r"\btranslat"),
    ("classify", r"\b(?:classif|categori[sz]|triage|label|route)"),
    ("reply", r"\b(?:reply|respond to|answer the customer)"),
    ("extract", r"\b(?:extract|list|find|collect|identify)"),
    ("summarise", r"\b(?:summar|tl;?dr|condens)"),
    ("draft", r"\b(?:draft|brief|write|compose|report|release notes)"),
)
_DRAFT = ("draft", "revision", "answer", "briefing", "brief", "reply", "notes")
_REMARKS = ("critique", "review", "issues", "feedback", "remarks")
_KIND = re.compile(r"\b(?:briefing|release notes|report|memo|changelog|brief|newsletter|proposal)\b", re.IGNORECASE)
_LONGEST_INSTRUCTION = 90
_FACTS = 12
_FOCUSED = ("critique", "extract", "summarise", "answer")


@dataclass(frozen=True)
class Material:
    """A prompt taken apart.

    Attributes:
        instruction: what is asked, tagged material left out.
        blocks: tagged stretches of the prompt, such as ``<draft>…</draft>``, by tag.
        rest: material that has no tag.
    """

    instruction: str
    blocks: dict[str, str]
    rest: str

    @cached_property
    def intent(self) -> str:
        """What the instruction asks for: the verb that comes first."""
        lowered = self.instruction.lower()
        found = [(match.start(), name) for name, pattern in _INTENTS if (match := re.search(pattern, lowered))]
        return min(found)[1] if found else "answer"

    @cached_property
    def asks_for_json(self) -> bool:
        """Whether the instruction asks for JSON."""
        return re.search(r"\bjson\b", self.instruction, re.IGNORECASE) is not None

    @cached_property
    def draft(self) -> str:
        """The text to criticise or revise; empty when there is none."""
        return self._named(_DRAFT)

    @cached_property
    def remarks(self) -> str:
        """A critique that comes with the draft."""
        return self._named(_REMARKS)

    @cached_property
    def source(self) -> str:
        """Everything but instruction, draft and remarks."""
        special = {self.draft, self.remarks}
        others = [block for block in self.blocks.values() if block not in special]
        return "\n\n".join(map(text.flat, [*others, self.rest])).strip() or self.draft or self.instruction

    @cached_property
    def sentences(self) -> list[str]:
        """Sentences of the source."""
        return text.sentences(self.source) or [self.source.strip()]

    @cached_property
    def facts(self) -> list[str]:
        """The most telling sentences of the source, the best first."""
        focused = self.intent in _FOCUSED and not self.draft
        wanted = set(text.words(self.instruction)) if focused else set()
        return text.ranked(self.sentences, wanted)[:_FACTS]

    @cached_property
    def covered(self) -> list[str]:
        """Facts that the draft tells."""
        return [fact for fact in self.facts if text.covers(self.draft, fact)]

    @cached_property
    def missing(self) -> list[str]:
        """Facts that the draft leaves out."""
        return [fact for fact in self.facts if fact not in self.covered]

    @cached_property
    def score(self) -> float:
        """Share of the facts that the draft tells, 0 to 1."""
        return len(self.covered) / len(self.facts)

    @cached_property
    def judges(self) -> bool:
        """Whether a draft is to be judged against a source."""
        return self.intent == "critique" and bool(self.draft) and self.draft != self.source

    @cached_property
    def title(self) -> str:
        """A title: the kind of text asked for and what recurs; else the first heading."""
        terms = " and ".join(text.keywords(self.sentences, 2))
        kind = _KIND.search(self.instruction)
        found = text.headings(self.source)
        if kind:
            return f"{kind[0].capitalize()}: {terms}"
        return found[0] if found else terms.capitalize()

    def _named(self, names: tuple[str, ...]) -> str:
        for name in names:
            for tag, block in self.blocks.items():
                if name in tag.lower():
                    return block
        return ""


def read(system: str, prompt: str) -> Material:
    """Take a prompt apart.

    Args:
        system: system instruction, may be empty.
        prompt: text of the user's turn.
    """
    blocks: dict[str, str] = {}
    for tag, block in _BLOCK.findall(prompt):
        blocks[tag] = f"{blocks[tag]}\n\n{block.strip()}" if tag in blocks else block.strip()
    outside = _BLOCK.sub(" ", prompt).strip()
    asked, rest = (outside, "") if blocks else _split(outside)
    return Material(f"{asked}\n{system}".strip(), blocks, rest)


def _split(prompt: str) -> tuple[str, str]:
    """Instruction and material of a prompt without tags: a short first paragraph is the instruction."""
    first, _, rest = prompt.partition("\n\n")
    if not rest:
        first, colon, rest = prompt.partition(":\n")
        first += colon
    if not rest.strip() or len(first.split()) > _LONGEST_INSTRUCTION:
        return prompt, ""
    last = rest.rstrip().rpartition("\n\n")[2]
    asks = any(re.search(pattern, last.lower()) for _, pattern in _INTENTS)
    if asks and last != rest.rstrip() and len(last.split()) <= _LONGEST_INSTRUCTION:
        return f"{first}\n{last}", rest.rstrip()[: -len(last)]
    return first, rest
