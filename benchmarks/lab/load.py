"""OTLP requests to send: runs of 20 spans, 2.4 KB a span, 7 of them model calls with prompts and answers."""

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.history import SPANS_PER_RUN, vocabulary
from support import otlp

TEMPLATE_SPANS: Final = 20_000
"""So many are made one by one; what is wanted above that is the same again with other ids."""

CALL_EVERY: Final = 3
FAILED_CALL: Final = 50
WORDS: Final = (450, 950)
ANSWER_WORDS: Final = (60, 340)
LENGTH_BYTES: Final = 4


@dataclass(frozen=True)
class Load:
    """Bodies and what a store must hold after them."""

    bodies: list[bytes]
    spans: int
    calls: int
    failed: int

    def write(self, path: Path) -> None:
        """Write the bodies for the sender, each after its length."""
        with path.open("wb") as file:
            for body in self.bodies:
                file.write(len(body).to_bytes(LENGTH_BYTES) + body)


def read(path: Path) -> list[bytes]:
    """Read what :meth:`Load.write` wrote."""
    data, bodies, at = path.read_bytes(), [], 0
    while at < len(data):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(data[at:start])
        bodies.append(data[start:at])
    return bodies


def make(spans: int, per_request: int) -> Load:
    """Make requests of ``per_request`` spans each."""
    chance = random.Random(per_request)  # noqa: S311 - a load, no secret
    requests = spans // per_request
    tag = os.urandom(8)
    stream = _spans(chance, tag)
    templates = []
    for _ in range(min(requests, max(1, TEMPLATE_SPANS // per_request))):
        batch = list(itertools.islice(stream, per_request))
        request = otlp.traces(*(span for span, _, _ in batch))
        templates.append((request.SerializeToString(), sum(x[1] for x in batch), sum(x[2] for x in batch)))
    made = [templates[number % len(templates)] for number in range(requests)]
    bodies = [_renamed(body, tag, number // len(templates)) for number, (body, _, _) in enumerate(made)]
    return Load(bodies, requests * per_request, sum(x[1] for x in made), sum(x[2] for x in made))


def _renamed(body: bytes, tag: bytes, copy: int) -> bytes:
    """Give a copy its own trace and run ids, which all begin with the tag."""
    if copy == 0:
        return body
    new = os.urandom(len(tag))
    return body.replace(tag, new).replace(tag.hex().encode(), new.hex().encode())


def _spans(chance: random.Random, tag: bytes) -> Iterator[tuple[dict[str, Any], bool, bool]]:
    """Make spans, run after run, each with whether it is a model call and whether that failed."""
    words = vocabulary()
    weights = list(itertools.accumulate((1 / (rank + 1)) ** 0.9 for rank in range(len(words))))

    def text(sizes: tuple[int, int]) -> str:
        return " ".join(chance.choices(words, cum_weights=weights, k=chance.randrange(*sizes)))

    for run in itertools.count(1):
        trace, root = tag + run.to_bytes(8), os.urandom(8)
        for place in range(SPANS_PER_RUN):
            is_call = place % CALL_EVERY == 1
            failed = is_call and chance.randrange(FAILED_CALL) == 0
            span: dict[str, Any] = {"trace_id": trace, "span_id": os.urandom(8) if place else root, "kind": 1}
            span["attributes"] = _attributes(chance, trace, place)
            if place:
                span["parent_span_id"] = root
            if is_call:
                span["kind"] = 3
                span["attributes"] |= _call(chance, text(WORDS), text(ANSWER_WORDS))
            if failed:
                span["status"] = {"code": 2, "message": f"rate limit exceeded, retry after {chance.randrange(60)} s"}
            yield span, is_call, failed


def _attributes(chance: random.Random, trace: bytes, place: int) -> dict[str, Any]:
    mine = {"quarterdeck.step.name": f"step {place // 4}"} if place else {"quarterdeck.run.status": "completed"}
    return mine | {
        "quarterdeck.run.id": trace.hex(),
        "quarterdeck.pipeline.name": f"pipeline {trace[-1] % 5}",
        "custom.retries": chance.randrange(3),
        "custom.ratio": chance.random(),
    }


def _call(chance: random.Random, prompt: str, answer: str) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
        "gen_ai.response.id": f"msg_{chance.getrandbits(64):x}",
        "gen_ai.usage.input_tokens": chance.randrange(4000),
        "gen_ai.usage.output_tokens": chance.randrange(800),
        "gen_ai.input.messages": prompt,
        "gen_ai.output.messages": answer,
    }
