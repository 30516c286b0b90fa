"""Brief the board on a folder of documents: Gemini reads and criticises, Claude writes.

python examples/briefing.py [FOLDER]
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from pydantic import BaseModel, Field

import quarterdeck as qd

READER = "gemini-3.8-flash"
WRITER = "claude-sonnet-5-5"
DOCUMENTS = Path(__file__).parent / "documents"
CHUNK_CHARACTERS = 2_000
READERS_AT_ONCE = 5
GOOD_ENOUGH = 8
MOST_ROUNDS = 3

EXTRACT = qd.Prompt("""Extract the facts that matter to the board from this part of {document}.

<part>
{text}
</part>""")

DRAFT = qd.Prompt("""Draft a briefing of one page for the board from these facts. Markdown, no preamble.

<facts>
{facts}
</facts>""")

CRITIQUE = qd.Prompt("""Critique the briefing against the facts: what does it leave out, what does it get wrong?

<facts>
{facts}
</facts>

<draft>
{draft}
</draft>""")

REVISE = qd.Prompt("""Revise the briefing so that every issue is solved. Markdown, no preamble.

<facts>
{facts}
</facts>

<draft>
{draft}
</draft>

<issues>
{issues}
</issues>""")


class Document(BaseModel):
    """A file or a part of one."""

    name: str
    text: str


class Facts(BaseModel):
    """What a part of a document says."""

    facts: list[str] = Field(max_length=4)


class Critique(BaseModel):
    """What is good and bad about a draft."""

    score: int = Field(ge=1, le=10, description="10 is ready to send")
    issues: list[str]


@cache
def claude() -> AsyncAnthropic:
    """The Anthropic client; reads ANTHROPIC_API_KEY."""
    return AsyncAnthropic()


@cache
def gemini() -> genai.Client:
    """The Gemini client; reads GEMINI_API_KEY."""
    return genai.Client()


async def write(prompt: str) -> str:
    """Let Claude answer, streamed, so that the text appears on the dashboard while it is written."""
    async with claude().messages.stream(
        model=WRITER, max_tokens=8_192, messages=[{"role": "user", "content": prompt}]
    ) as stream:
        return await stream.get_final_text()


async def read(prompt: str, answer: type[BaseModel]) -> str:
    """Let Gemini answer with JSON of the given shape."""
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=answer)
    response = await gemini().aio.models.generate_content(model=READER, contents=prompt, config=config)
    return response.text or ""


@qd.step
def load_documents(folder: Path) -> list[Document]:
    """Read every text file of a folder."""
    files = sorted(path for path in folder.iterdir() if path.suffix in {".md", ".txt"})
    qd.current_step().log(f"folder={folder.name} files={len(files)}")
    return [Document(name=path.name, text=path.read_text(encoding="utf-8")) for path in files]


@qd.step
def chunk(documents: Sequence[Document]) -> list[Document]:
    """Cut documents at paragraphs into parts that a reader takes in at once."""
    parts: list[Document] = []
    for number, document in enumerate(documents, start=1):
        text = ""
        for paragraph in document.text.split("\n\n"):
            if text and len(text) + len(paragraph) > CHUNK_CHARACTERS:
                parts.append(Document(name=document.name, text=text))
                text = ""
            text += paragraph + "\n\n"
        parts.append(Document(name=document.name, text=text))
        qd.current_step().progress(done=number, total=len(documents), message=document.name)
    return parts


@qd.step
async def extract_facts(parts: Sequence[Document]) -> list[str]:
    """Let Gemini read all parts, a few at a time."""
    step, done = qd.current_step(), 0
    turn = asyncio.Semaphore(READERS_AT_ONCE)

    async def facts_of(part: Document) -> list[str]:
        nonlocal done
        async with turn:
            answer = await read(EXTRACT.render(document=part.name, text=part.text), Facts)
        done += 1
        step.progress(done=done, total=len(parts), message=part.name)
        facts = Facts.model_validate_json(answer).facts
        step.log(f"{part.name}: facts={len(facts)} done={done}/{len(parts)}")
        return facts

    found = await asyncio.gather(*map(facts_of, parts))
    return [fact for facts in found for fact in facts]


@qd.step
async def draft(facts: str) -> str:
    """Let Claude write the first version."""
    return await write(DRAFT.render(facts=facts))


@qd.step
async def critique(facts: str, text: str) -> Critique:
    """Let Gemini compare the briefing with the facts."""
    answer = await read(CRITIQUE.render(facts=facts, draft=text), Critique)
    verdict = Critique.model_validate_json(answer)
    qd.current_step().log(f"score={verdict.score} issues={len(verdict.issues)}")
    return verdict


@qd.step
async def revise(facts: str, text: str, issues: Sequence[str]) -> str:
    """Let Claude solve what the critique found."""
    return await write(REVISE.render(facts=facts, draft=text, issues="\n".join(f"- {issue}" for issue in issues)))


@qd.pipeline
async def briefing(folder: Path) -> str:
    """Read, draft, then criticise and revise until the briefing is good."""
    facts = "\n".join(f"- {fact}" for fact in await extract_facts(chunk(load_documents(folder))))
    text = await draft(facts)
    for _ in range(MOST_ROUNDS):
        verdict = await critique(facts, text)
        if verdict.score >= GOOD_ENOUGH:
            break
        text = await revise(facts, text, verdict.issues)
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Print a briefing."""
    words = sys.argv[1:] if argv is None else argv
    qd.init(service_name="briefing")
    print(asyncio.run(briefing(Path(words[0]) if words else DOCUMENTS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
