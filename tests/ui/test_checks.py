"""What the collector says of its parts, as the header shows it."""

import httpx
import pytest

from quarterdeck_ui.checks import collector_health
from quarterdeck_ui.hub import Health

WELL = Health(ok=True)
URL = "http://127.0.0.1:4318"


def answer(status: int, **checks: tuple[bool, str]) -> httpx.Response:
    found = {name.replace("_", " "): {"ok": ok, "reason": reason} for name, (ok, reason) in checks.items()}
    return httpx.Response(status, json={"status": "ok", "checks": found})


@pytest.mark.parametrize(
    ("response", "shown"),
    [
        (answer(200, clickhouse=(True, ""), spool=(True, "")), {"collector": WELL, "spool": WELL}),
        (
            answer(503, clickhouse=(True, ""), spool=(False, "99 bytes wait for ClickHouse")),
            {"collector": WELL, "spool": Health(ok=False, reason="99 bytes wait for ClickHouse")},
        ),
        (
            answer(503, clickhouse=(False, "inserts fail"), prices=(False, "no table"), spool=(True, "")),
            {"collector": Health(ok=False, reason="clickhouse: inserts fail; prices: no table"), "spool": WELL},
        ),
        (
            answer(200, spool=(True, ""), forward_jaeger=(False, "503 Busy"), forward_tempo=(True, "")),
            {
                "collector": WELL,
                "spool": WELL,
                "forward jaeger": Health(ok=False, reason="503 Busy"),
                "forward tempo": WELL,
            },
        ),
        (httpx.Response(502, text="bad"), {"collector": Health(ok=False, reason=f"{URL}/readyz answered 502")}),
    ],
)
def test_each_part_is_shown_with_its_reason(response: httpx.Response, shown: dict[str, Health]) -> None:
    assert collector_health(response, URL) == shown
