"""Triage support mails: Gemini sorts them, Claude answers them.

A script as it may lie on your disk. Two lines were added, each below the word "quarterdeck".

python examples/existing_script.py [FILE]
"""

import asyncio
import json
import sys
from pathlib import Path

from anthropic import AsyncAnthropic
from google import genai
from google.genai import types

# quarterdeck, line 1 of 2; the marks tell the linters that one line is meant
import quarterdeck as qd; qd.init()  # noqa: E702  # isort: skip  # fmt: skip

MAILS = Path(__file__).parent / "pipelines" / "data" / "support_mails.txt"


async def sort(mail: str, gemini: genai.Client) -> dict[str, str]:
    """Let Gemini say what a mail is about and how much it hurries."""
    response = await gemini.aio.models.generate_content(
        model="gemini-3.8-flash",
        contents=f"Classify this support mail.\n\n<mail>\n{mail}\n</mail>",
        config=types.GenerateContentConfig(
            response_mime_type="application/json",
            response_json_schema={
                "type": "object",
                "properties": {
                    "topic": {"enum": ["billing", "bug", "account", "feature"]},
                    "urgency": {"enum": ["high", "medium", "low"]},
                },
                "required": ["topic", "urgency"],
            },
        ),
    )
    return dict(json.loads(response.text or "{}"))


async def reply(mail: str, label: dict[str, str], claude: AsyncAnthropic) -> str:
    """Let Claude write the answer."""
    async with claude.messages.stream(
        model="claude-haiku-5-5",
        max_tokens=4_096,
        system=f"You answer support mails about {label['topic']} with {label['urgency']} urgency. Under 120 words.",
        messages=[{"role": "user", "content": f"Reply to this mail.\n\n<mail>\n{mail}\n</mail>"}],
    ) as stream:
        return await stream.get_final_text()


async def handle(mail: str, claude: AsyncAnthropic, gemini: genai.Client) -> None:
    """Sort a mail and answer it."""
    label = await sort(mail, gemini)
    answer = await reply(mail, label, claude)
    subject = mail.splitlines()[1].removeprefix("Subject: ")
    print(f"== {subject} [{label['topic']}, {label['urgency']}]\n{answer}\n")


# quarterdeck, line 2 of 2
@qd.pipeline
async def triage(mails: list[str]) -> None:
    """Handle one mail after the other."""
    claude, gemini = AsyncAnthropic(), genai.Client()
    for mail in mails:
        await handle(mail, claude, gemini)


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else MAILS
    asyncio.run(triage(file.read_text(encoding="utf-8").split("\n---\n")))
