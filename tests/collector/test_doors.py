"""Who may come in: tokens, their scopes, and web pages."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from quarterdeck.cli.token import main as token_command
from quarterdeck.redaction import scrub
from quarterdeck.serving import INTERNAL_TOKEN, new_token, owner_of
from quarterdeck.tokens import DeniedError, Scope, TokenFile, Tokens
from quarterdeck_collector.__main__ import main
from support import otlp
from support.collectors import PATIENCE, CollectorProcess, collector, wait_for

SIBLINGS = new_token()
WEB_PAGE = "https://app.example:8443"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> TokenFile:
    return TokenFile(tmp_path_factory.mktemp("guarded") / "data" / "tokens.json")


@pytest.fixture(scope="module")
def tokens(keys: TokenFile) -> dict[str, str]:
    """A token of each scope, one of two, and what is no token of this collector."""
    made = {scope.value: keys.create(scope.value, [scope]) for scope in Scope}
    both = keys.create("both", [Scope.INGEST, Scope.READ])
    return {**made, "both": both, "siblings": SIBLINGS, "unknown": new_token(), "none": ""}


@pytest.fixture(scope="module")
def guarded(keys: TokenFile, tokens: dict[str, str]) -> Iterator[CollectorProcess]:  # noqa: ARG001 - tokens first
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(INTERNAL_TOKEN, SIBLINGS)
        with collector(keys.path.parent, "--cors-origins", f"{WEB_PAGE}, http://localhost:3000/") as process:
            yield process


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


ALLOWED = {
    "ingest": {"otlp"},
    "read": {"counters", "sql"},
    "run": {"counters", "sql"},
    "both": {"otlp", "counters", "sql"},
    "siblings": {"otlp", "counters", "sql"},
    "admin": {"otlp", "counters", "sql", "anything else"},
    "unknown": set(),
    "none": set(),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_token_opens_what_its_scopes_say(guarded: CollectorProcess, tokens: dict[str, str], name: str) -> None:
    headers = bearer(tokens[name])
    answers = {
        "otlp": guarded.post("/v1/traces", otlp.traces({}).SerializeToString(), **headers).status_code,
        "counters": httpx.get(f"{guarded.otlp}/metrics", headers=headers).status_code,
        "sql": httpx.post(guarded.clickhouse, content="SELECT 1", headers=headers).status_code,
        "anything else": httpx.get(f"{guarded.otlp}/nothing/there", headers=headers).status_code,
    }
    closed = 401 if name in ("unknown", "none") else 403
    opened = {"otlp": 200, "counters": 200, "sql": 200, "anything else": 404}
    assert answers == {door: status if door in ALLOWED[name] else closed for door, status in opened.items()}


def test_health_needs_no_token(guarded: CollectorProcess) -> None:
    urls = [f"{guarded.otlp}/healthz", f"{guarded.otlp}/readyz", f"{guarded.clickhouse}/ping"]
    assert [httpx.get(url).status_code for url in urls] == [200, 200, 200]


def test_live_events_need_a_token_to_read(guarded: CollectorProcess, tokens: dict[str, str]) -> None:
    def status(name: str) -> int:
        with httpx.stream("GET", f"{guarded.otlp}/v1/live", headers=bearer(tokens[name])) as answer:
            return answer.status_code

    assert [status(name) for name in ("none", "ingest", "read")] == [401, 403, 200]


@pytest.mark.parametrize(("name", "http", "code"), [("none", 401, 16), ("read", 403, 7)])
def test_otlp_clients_are_refused_in_their_own_encoding(
    guarded: CollectorProcess, tokens: dict[str, str], name: str, http: int, code: int
) -> None:
    binary = guarded.post("/v1/logs", b"", **bearer(tokens[name]))
    text = guarded.post("/v1/logs", b"{}", **bearer(tokens[name]), content_type="application/json")

    assert (binary.status_code, text.status_code) == (http, http)
    assert binary.headers["content-type"] == "application/x-protobuf"
    assert Status.FromString(binary.content).code == code == text.json()["code"]
    assert ("www-authenticate" in binary.headers) is (http == 401)


@pytest.mark.parametrize(
    ("name", "http", "code"), [("none", 401, "516"), ("unknown", 401, "516"), ("ingest", 403, "497")]
)
def test_clickhouse_clients_are_refused_with_clickhouse_s_codes(
    guarded: CollectorProcess, tokens: dict[str, str], name: str, http: int, code: str
) -> None:
    answer = httpx.post(guarded.clickhouse, content="SELECT 1", headers=bearer(tokens[name]))

    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (http, code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_a_clickhouse_password_is_a_token(guarded: CollectorProcess, tokens: dict[str, str]) -> None:
    token = tokens["read"]
    basic = base64.b64encode(f"anybody:{token}".encode()).decode()
    ways: list[dict[str, Any]] = [
        {"headers": {"authorization": f"Basic {basic}"}},
        {"headers": {"X-ClickHouse-User": "anybody", "X-ClickHouse-Key": token}},
        {"params": {"user": "anybody", "password": token}},
    ]
    answers = [httpx.post(guarded.clickhouse, content="SELECT 1", **way).text for way in ways]
    assert answers == ["1\n"] * 3


def test_clickhouse_connect_signs_in_with_a_token(guarded: CollectorProcess, tokens: dict[str, str]) -> None:
    parts = urlsplit(guarded.clickhouse)
    with clickhouse_connect.get_client(host=parts.hostname, port=parts.port, password=tokens["read"]) as client:
        assert client.query("SELECT 1").result_rows == [(1,)]
    with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        clickhouse_connect.get_client(host=parts.hostname, port=parts.port, password="guess")


def test_a_running_collector_notices_new_and_revoked_tokens(
    guarded: CollectorProcess, keys: TokenFile, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--data-dir", str(keys.path.parent)]

    def status() -> int:
        return guarded.post("/v1/traces", b"", **bearer(token)).status_code

    assert token_command(["create", "--name", "ci", "--scope", "ingest", "--scope", "read", *folder]) == 0
    token = capsys.readouterr().out.strip()
    assert status() == 200
    assert token_command(["list", *folder]) == 0
    listed = capsys.readouterr().out
    assert token_command(["revoke", "ci", *folder]) == 0
    assert status() == 401

    row = next(line for line in listed.splitlines() if line.startswith("ci "))
    assert row.split()[1] == "ingest,read"
    assert row.endswith(f"…{token[-4:]}")
    assert token[:-4] not in listed


def test_tokens_are_kept_as_hashes_in_a_file_of_their_owner(keys: TokenFile, tokens: dict[str, str]) -> None:
    text = keys.path.read_text()

    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert not [token for token in tokens.values() if token and token in text]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["create", "--name", "admin", "--scope", "read"], "there is a token named 'admin'; choose another name"),
        (["revoke", "nobody"], "there is no token named 'nobody'; there are: ingest, read, run, admin, both"),
    ],
)
def test_what_cannot_be_done_is_said(
    keys: TokenFile,
    tokens: dict[str, str],  # noqa: ARG001 - made first
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    assert token_command([*words, "--data-dir", str(keys.path.parent)]) == 1
    assert complaint in capsys.readouterr().err


def test_command_line_tools_of_the_owner_may_do_everything(guarded: CollectorProcess, keys: TokenFile) -> None:
    lock = keys.path.parent / "collector.lock"
    owner = owner_of(lock)
    assert owner
    assert owner.pid == guarded.process.pid
    assert owner.token not in str(owner) + repr(owner)
    assert lock.stat().st_mode & 0o777 == 0o600
    assert httpx.get(f"{owner.url}/nothing/there", headers=bearer(owner.token)).status_code == 404


def test_the_sdk_sends_its_token_with_spans_and_records(guarded: CollectorProcess, tokens: dict[str, str]) -> None:
    program = """
import logging, quarterdeck as qd
qd.init(service_name="with a token")
with qd.pipeline("guarded"):
    logging.warning("from within")
"""
    environment = {**os.environ, "QUARTERDECK_ENDPOINT": guarded.otlp, "QUARTERDECK_TOKEN": tokens["ingest"]}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=PATIENCE)

    def stored(table: str) -> int:
        sql = f"SELECT count() FROM {table} WHERE ServiceName = 'with a token'"  # noqa: S608 - our own names
        answer = httpx.post(guarded.clickhouse, content=sql, headers=bearer(tokens["read"]))
        return int(answer.text)

    assert wait_for(lambda: stored("otel_traces") == 1 and stored("otel_logs") == 1)


def test_the_sdk_says_what_a_collector_that_asks_for_a_token_wants(guarded: CollectorProcess) -> None:
    program = "import logging; logging.basicConfig()\nimport quarterdeck as qd; qd.init()\nwith qd.pipeline('p'): pass"
    environment = {**os.environ, "QUARTERDECK_ENDPOINT": guarded.otlp}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, timeout=PATIENCE, capture_output=True, text=True
    )

    assert done.stderr.count("it asks for a token: make one with `quarterdeck token create") == 1


def test_a_token_never_leaves_in_telemetry() -> None:
    assert scrub(f'{{"password": "{new_token()}"}}') == '{"password": "[redacted:quarterdeck_token]"}'


def test_listed_web_pages_may_call_from_a_browser(guarded: CollectorProcess, tokens: dict[str, str]) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}

    def allowed(origin: str) -> tuple[str | None, ...]:
        headers = {"origin": origin}
        before = httpx.options(f"{guarded.otlp}/v1/traces", headers=headers | asking)
        refused = httpx.post(f"{guarded.otlp}/v1/traces", headers=headers)
        answer = guarded.post("/v1/traces", b"", **headers, **bearer(tokens["ingest"]))
        return tuple(each.headers.get("access-control-allow-origin") for each in (before, refused, answer))

    assert allowed(WEB_PAGE) == (WEB_PAGE,) * 3
    assert allowed("http://localhost:3000") == ("http://localhost:3000",) * 3
    assert allowed("https://evil.example") == (None,) * 3


def test_no_web_page_may_call_by_default(running: CollectorProcess) -> None:
    answer = running.post("/v1/traces", b"", origin=WEB_PAGE)

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_origin_with_a_path_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--cors-origins", "https://app.example/page"]) == 2
    assert "'https://app.example/page' is no origin; write scheme://host" in capfd.readouterr().err


def test_other_machines_are_not_let_in_without_a_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["--host", "0.0.0.0", "--data-dir", str(tmp_path)]) == 2  # noqa: S104 - the point of the test
    assert "0.0.0.0 can be reached from other machines" in caplog.text
    assert f"quarterdeck token create --name NAME --scope ingest --data-dir {tmp_path}" in caplog.text


def allows(tokens: Tokens, token: str) -> bool:
    try:
        tokens.check(f"Bearer {token}", Scope.READ)
    except DeniedError:
        return False
    return True


def test_revoking_the_last_token_opens_a_collector_of_this_machine_only(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    token = file.create("only", [Scope.READ])
    at_home, abroad = (Tokens(file.path, local=local) for local in (True, False))

    assert [allows(at_home, token), allows(abroad, token), allows(at_home, ""), allows(abroad, "")] == [
        True,
        True,
        False,
        False,
    ]
    file.revoke("only")
    assert [allows(at_home, ""), allows(abroad, token), allows(abroad, "")] == [True, False, False]
    assert not abroad.usable


def test_a_damaged_token_file_lets_nobody_in(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    token = file.create("a", [Scope.ADMIN])
    tokens = Tokens(file.path, local=True)
    assert allows(tokens, token)

    file.path.write_text(json.dumps({"tokens": [{"name": "a"}]}))
    assert not allows(tokens, token)
    assert not allows(tokens, "")
    with pytest.raises(DeniedError, match="remove it and create the tokens anew"):
        tokens.check("", Scope.READ)


@pytest.mark.parametrize(
    "header", ["Bearer", "Basic !!!", "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Digest x", "é"]
)
def test_a_header_that_makes_no_sense_is_no_token(tmp_path: Path, header: str) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    file.create("a", [Scope.ADMIN])

    with pytest.raises(DeniedError, match="a token is needed"):
        Tokens(file.path, local=True).check(header, Scope.READ)
