"""What looking for secrets costs an intake of 1.2 MB requests: nothing found, one found, and without the fast look.

A request is taken in with one C parse and one hash; the ratios say how much longer that takes with redaction. The
comparison parses each request and looks into each of its texts, which is what a collector does without the look at
the raw bytes. Looking for each literal with ``bytes.find`` is the look without the library.
"""

import random
import sys
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from quarterdeck.redaction import SECRETS
from quarterdeck_collector.receive.otlp import TRACES
from quarterdeck_collector.redaction import Redaction, from_settings
from quarterdeck_collector.redaction_rules import BUILT_IN, Findings, Keys, Rule

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support import otlp

SPANS = 1_000
ROUNDS = 40
LITERALS = [literal.encode() for secret in SECRETS for literal in secret.literals]
SECRET = "sk-ant-api03-abcdefghijklmnop"  # noqa: S105 - a fake


def _spans() -> list[dict[str, Any]]:
    """Make spans with ten attributes, a third of them with a prompt of 2 to 4 KB."""
    chance = random.Random(1)  # noqa: S311 - a load, no secret
    words = [*["the", "right", "answer", "light", "disk", "caught", "holding", "of"] * 150, "task-force", "risk-averse"]
    made = []
    for number in range(SPANS):
        attributes: dict[str, Any] = {f"custom.key_{key}": f"value {chance.random()}" for key in range(10)}
        if number % 3 == 0:
            attributes["gen_ai.input.messages"] = " ".join(chance.choices(words, k=chance.randrange(400, 800)))
        made.append({"attributes": attributes})
    return made


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Give the milliseconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1_000 * min(times)


def main() -> None:
    """Measure and print."""
    spans = _spans()
    body = otlp.traces(*spans).SerializeToString()
    dirty = otlp.traces(*spans, {"name": SECRET}).SerializeToString()
    ours = from_settings(("secrets",), None)
    secrets = BUILT_IN["secrets"]
    every_text = Redaction([Rule("secrets", secrets.apply)], Keys())

    intake = best(lambda: (TRACES.request.FromString(body), blake2b(body, digest_size=16).digest()))
    print(f"{f'{len(body) / 1e6:.2f} MB, {SPANS} spans':32}       ms    intake becomes")
    for name, milliseconds in (
        ("intake alone: parse and hash", 0.0),
        ("clean request", best(lambda: ours.clean(TRACES, body, Findings()))),
        ("one secret", best(lambda: ours.clean(TRACES, dirty, Findings()), 10)),
        ("clean, bytes.find per literal", best(lambda: [literal in body for literal in LITERALS], 10)),
        ("clean, every text looked into", best(lambda: every_text.clean(TRACES, body, Findings()), 5)),
    ):
        print(f"{name:32} {milliseconds or intake:8.3f}    {(intake + milliseconds) / intake:6.2f}x")


if __name__ == "__main__":
    main()
