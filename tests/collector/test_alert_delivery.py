"""Alerts on their way: real web hooks with failures, a real mail server, and a collector that is killed."""

import asyncio
import contextlib
import email
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quarterdeck.egress import Outlets
from quarterdeck_collector.alerts.channels import Channel, channel_of
from quarterdeck_collector.alerts.ledger import Due, Ledger
from quarterdeck_collector.alerts.outbox import Outbox, Pauses
from quarterdeck_collector.alerts.sending import Sender
from quarterdeck_collector.store import EmbeddedStore, ServerStore
from support import otlp
from support.certificates import self_signed
from support.collectors import PLAIN, CollectorProcess, collector, wait_for
from support.deck import free_ports
from support.servers import serve

TOLD = {
    "id": "errors-1-1", "status": "firing", "title": "FIRING: Errors <of> digest", "text": "50 %\nCall Ann & Bob.",
    "at": 1_800_000_000.0, "url": "http://deck.example/?view=alerts", "rule": {"severity": "critical"},
}  # fmt: skip


@dataclass
class Receiver:
    """A web hook that answers as it is told, and otherwise takes everything."""

    answers: list[Any] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    async def hook(self, request: Request) -> Response:
        self.got.append((str(request.url.path), dict(request.headers), await request.json()))
        answer = self.answers.pop(0) if self.answers else 204
        if answer == "wait":
            while not self.released.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.01)
            return Response(status_code=204)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return Response(status_code=status, headers=headers)

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        with serve(Starlette(routes=[Route("/{path:path}", self.hook, methods=["POST"])])) as url:
            try:
                yield url
            finally:
                self.released.set()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def hook(receiver: Receiver) -> Iterator[str]:
    with receiver.serving() as url:
        yield url


def webhook(url: str, kind: str = "webhook") -> Channel:
    return channel_of({"name": "Ops", "kind": kind, "url": url}, "ops")


@dataclass
class Delivering:
    """An outbox with channels of the test's, in a hurry."""

    store: EmbeddedStore
    outlets: Outlets
    channels: dict[str, Channel]
    patience: float = 5.0
    after: float = 60.0

    async def deliver(self, *dues: Due) -> dict[str, tuple[str, int, str]]:
        """What became of everything, by event and channel: status, attempts, reason."""
        sender = Sender(self.outlets, self.patience)
        now = due().at + self.after
        outbox = Outbox(Ledger(self.store), self.channels.get, sender.send, Pauses(0.01, 0.02), lambda: now)
        outbox.add(dues)
        while outbox.waiting:  # noqa: ASYNC110 - workers end by themselves
            await asyncio.sleep(0.01)
        await outbox.close()
        rows = self.store.json_rows(
            f"SELECT EventId, Channel, Status, Attempts, Reason FROM {self.store.database}.alert_deliveries FINAL"  # noqa: S608
        )
        return {f"{r['EventId']} {r['Channel']}": (r["Status"], int(r["Attempts"]), r["Reason"]) for r in rows}


def due(event: str = "errors-1-1", channel: str = "ops") -> Due:
    return Due(event, channel, 1_800_000_000.0, {**TOLD, "id": event})


async def test_it_is_sent_again_until_it_is_taken_always_under_one_id(
    store: EmbeddedStore, receiver: Receiver, hook: str
) -> None:
    receiver.answers = [500, "wait", (429, {"Retry-After": "0"}), 503]
    delivering = Delivering(store, Outlets([hook]), {"ops": webhook(f"{hook}/in?token=secret")}, patience=1)
    ((status, attempts, _),) = (await delivering.deliver(due())).values()
    assert (status, attempts >= 5, receiver.answers) == ("delivered", True, [])
    assert {headers["idempotency-key"] for _, headers, _ in receiver.got} == {"errors-1-1"}
    assert {body["id"] for _, _, body in receiver.got} == {"errors-1-1"}


async def test_what_no_second_try_helps_is_given_up_with_its_reason(
    store: EmbeddedStore, receiver: Receiver, hook: str
) -> None:
    receiver.answers = [(302, {"Location": "http://169.254.169.254/latest/meta-data"}), 404]
    delivering = Delivering(store, Outlets([hook]), {"ops": webhook(hook)})
    assert await delivering.deliver(due("a"), due("b"), due("c", "gone")) == {
        "a ops": ("failed", 1, "it answers 302, a redirection: they are not followed, enter where it leads to"),
        "b ops": ("failed", 1, "it answers 404 Not Found"),
        "c gone": ("failed", 1, "there is no such channel any more"),
    }
    assert len(receiver.got) == 2


async def test_what_nobody_has_taken_for_a_day_is_given_up(store: EmbeddedStore, receiver: Receiver, hook: str) -> None:
    receiver.answers = [500]
    late = Delivering(store, Outlets([hook]), {"ops": webhook(hook)}, after=86_401)
    told = ("failed", 1, "given up after a day: it answers 500 Internal Server Error")
    assert await late.deliver(due()) == {"errors-1-1 ops": told}


async def test_a_channel_gets_everything_in_order_and_holds_up_no_other(
    store: EmbeddedStore, receiver: Receiver, hook: str
) -> None:
    receiver.answers = [500, 500, 500]
    slow, quick = webhook(f"{hook}/slow"), webhook(f"{hook}/quick")
    delivering = Delivering(store, Outlets([hook]), {"slow": slow, "quick": quick})
    done = await delivering.deliver(due("a", "slow"), due("b", "slow"), due("c", "slow"), due("a", "quick"))
    assert {status for status, _, _ in done.values()} == {"delivered"}
    ids = [body["id"] for path, _, body in receiver.got if path == "/slow"]
    assert ids == sorted(ids)
    assert set(ids) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://169.254.169.254/latest/meta-data", "'169.254.169.254' leads to 169.254.169.254, which is no public"),
        ("http://127.0.0.1:1/", "the operator may allow http://127.0.0.1:1 with --alert-urls"),
        ("http://[::1]:1/", "'::1' leads to ::1"),
        ("http://2130706433/", "leads to 127.0.0.1"),
        ("http://127.1/", "leads to 127.0.0.1"),
        ("http://0.0.0.0:1/", "is no public address"),
        ("http://[::ffff:169.254.169.254]/", "is no public address"),
        ("http://[fd00::1]/", "is no public address"),
        ("http://[64:ff9b::7f00:1]/", "is no public address"),
        ("https://localhost/hook?key=1", "'localhost' leads to"),
        ("http://user:password@hooks.example/", "an address holds no user and no password"),
    ],
)
async def test_nothing_is_sent_to_places_inside(url: str, said: str) -> None:
    outcome = await Sender(Outlets(remedy="with --alert-urls")).send(webhook(url), TOLD)
    assert said in outcome.reason
    assert not outcome.again


async def test_a_name_is_looked_up_once_and_its_address_held_fast(receiver: Receiver, hook: str) -> None:
    port = hook.rpartition(":")[2]
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    outlets = Outlets([f"http://hooks.example:{port}"], resolver=lambda _: answers.pop(0))
    assert (await Sender(outlets).send(webhook(f"http://hooks.example:{port}/a?b=c"), TOLD)).reason == ""
    ((path, headers, _),) = receiver.got
    assert (path, headers["host"]) == ("/a", f"hooks.example:{port}")
    assert len(answers) == 1
    rebound = Outlets(resolver=lambda _: ["8.8.8.8", "10.0.0.1"])
    assert "10.0.0.1" in (await Sender(rebound).send(webhook("http://hooks.example/"), TOLD)).reason


async def test_slack_is_told_in_its_words_and_nothing_in_them_commands_it(receiver: Receiver, hook: str) -> None:
    assert (await Sender(Outlets([hook])).send(webhook(hook, "slack"), TOLD)).reason == ""
    ((_, _, body),) = receiver.got
    sign = "\N{LARGE RED CIRCLE}"
    assert body["text"] == f"{sign} FIRING: Errors &lt;of&gt; digest"
    assert body["blocks"][0]["text"]["text"].endswith("50 %\nCall Ann &amp; Bob.")


# ------------------------------------------------------------------------------------------------------------- e-mail


@dataclass
class Postbox:
    """What a mail server does with what it gets."""

    answers: list[str] = field(default_factory=list)
    mails: list[tuple[list[str], Mail]] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return answer


def _login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    right = (data.login, data.password) == (b"deck", b"it's secret")
    return AuthResult(success=right, handled=False)


async def test_an_e_mail_arrives_over_tls_with_login_and_the_same_id_each_time(
    tmp_path: Path,
) -> None:
    files = self_signed(tmp_path, "mail")
    there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=files.certificate)
    there.load_cert_chain(files.certificate, files.key)
    box = Postbox(answers=["451 try later", "250 OK", "550 no"])
    (port,) = free_ports(1)
    server = Controller(
        box, hostname="127.0.0.1", port=port, tls_context=there, require_starttls=True,
        authenticator=_login, auth_required=True,
    )  # fmt: skip
    server.start()
    try:
        mail = {
            "host": "127.0.0.1",
            "port": port,
            "user": "deck",
            "sender": "Deck <d@e.example>",
            "to": ["a@b.example"],
        }
        given = {"name": "Mail", "kind": "email", "mail": mail, "password": "it's secret"}
        channel = channel_of(given, "mail")
        outlets = Outlets([f"smtp://127.0.0.1:{port}"])
        sender = Sender(outlets, trust=here)
        outcomes = [await sender.send(channel, TOLD) for _ in range(3)]
        assert [(each.reason, each.again) for each in outcomes] == [
            ("the mail server said 451 try later", True), ("", False), ("the mail server said 550 no", False),
        ]  # fmt: skip
        ((to, got),) = box.mails
        assert (to, got["Subject"], got["Message-ID"]) == (
            ["a@b.example"], "[Quarterdeck] FIRING: Errors <of> digest", "<errors-1-1@alerts.quarterdeck>",
        )  # fmt: skip
        wrong = channel_of({**given, "password": "other"}, "mail")
        assert "535" in (await sender.send(wrong, TOLD)).reason
        untrusted = await Sender(outlets).send(channel, TOLD)
        assert ("certificate verify failed" in untrusted.reason, untrusted.again) == (True, False)
        inside = await Sender(Outlets()).send(channel, TOLD)
        assert "no public address" in inside.reason
    finally:
        server.stop()


@pytest.mark.parametrize("security", ["tls", "none"])
async def test_an_e_mail_arrives_where_the_server_speaks_tls_at_once_or_never(tmp_path: Path, security: str) -> None:
    files = self_signed(tmp_path, "mail")
    there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=files.certificate)
    there.load_cert_chain(files.certificate, files.key)
    box, (port,) = Postbox(), free_ports(1)
    server = Controller(box, hostname="127.0.0.1", port=port, ssl_context=there if security == "tls" else None)
    server.start()
    try:
        mail = {"host": "127.0.0.1", "port": port, "security": security, "sender": "d@e.example", "to": ["a@b.example"]}
        channel = channel_of({"name": "Mail", "kind": "email", "mail": mail}, "mail")
        scheme = "smtps" if security == "tls" else "smtp"
        assert (await Sender(Outlets([f"{scheme}://127.0.0.1:{port}"]), trust=here).send(channel, TOLD)).reason == ""
        ((to, got),) = box.mails
        assert (to, got["Message-ID"]) == (["a@b.example"], "<errors-1-1@alerts.quarterdeck>")
    finally:
        server.stop()


# ------------------------------------------------------------------------------------------------- a whole collector


def put(running: CollectorProcess, path: str, body: Any, method: str = "PUT", status: int = 200) -> Any:
    answer = httpx.request(method, running.otlp + path, json=body, timeout=30, verify=PLAIN)
    assert answer.status_code == status, answer.text
    return answer.json()


def failing_calls() -> bytes:
    span = {
        "name": "chat m", "kind": 3, "status": {"code": 2, "message": "overloaded"},
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "error.type": "overloaded"},
    }  # fmt: skip
    now = time.time_ns()
    request = otlp.traces(
        *(
            {**span, "span_id": bytes([n] * 8), "start_time_unix_nano": now - 10**9, "end_time_unix_nano": now}
            for n in range(1, 9)
        )
    )
    body: bytes = request.SerializeToString()
    return body


def statuses(running: CollectorProcess, sql: str) -> Callable[[], str]:
    return lambda: running.sql(f"SELECT arrayStringConcat(groupArray({sql}), ' ')")


def test_a_collector_killed_while_it_tells_tells_again_and_shows_no_secret(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = ["wait"]
    with receiver.serving() as hook:
        flags = ("--alert-urls", hook, "--alerts-every", "0.2")
        secret = f"{hook}/services/T0KEN?key=hidden"
        with collector(tmp_path / "data", *flags) as running:
            channel = {"name": "Ops", "kind": "webhook", "url": secret}
            refused = put(running, "/v1/saved/alert_channel/ops", channel, status=400)
            assert "send it to /v1/alerts/channels/ops, which seals" in refused["error"]
            version = put(running, "/v1/alerts/channels/ops", channel)["version"]
            put(running, "/v1/alerts/channels/ops", {"name": "Ops team", "kind": "webhook"})  # the address stays
            shown = running.sql("SELECT * FROM saved") + running.sql("SELECT * FROM alert_events")
            assert version > 0
            rule = {"name": "Errors", "measure": "error_rate", "threshold": 0.5, "channels": ["ops"]}
            bad = put(running, "/v1/saved/alert_rule/errors", {**rule, "measure": "speed"}, status=400)
            assert "measure: 'speed' is none of" in bad["error"]
            put(running, "/v1/saved/alert_rule/errors", rule)
            assert running.post("/v1/traces", failing_calls()).status_code == 200
            wait_for(lambda: receiver.got)
            running.kill()
            shown += running.log.read_text()
        with collector(tmp_path / "data", *flags) as running:
            wait_for(lambda: len(receiver.got) == 2)
            wait_for(lambda: running.sql("SELECT Status, Attempts FROM alert_deliveries FINAL") == "delivered\t1")
            assert [body["id"] for _, _, body in receiver.got] == ["errors-1-1"] * 2
            assert receiver.got[1][0] == "/services/T0KEN"
            with contextlib.closing(
                ServerStore(running.clickhouse, "quarterdeck")
            ) as server:  # over HTTP, as on a server
                given = {"text": "it's\n\\", "list": ["a'b"], "unused": 1}
                sql = "SELECT {text:String} AS text, {list:Array(String)} AS list, count() AS c FROM alert_events"
                assert server.ask(sql, given, 5) == [{"text": given["text"], "list": given["list"], "c": 1}]
            told = put(running, "/v1/alerts/test", {"id": "ops"}, "POST")
            assert told == {"delivered": True, "reason": ""}
            assert receiver.got[2][2]["title"] == "TEST: Ops team"
            draft = {"id": "", "channel": {"name": "New", "kind": "slack", "url": "http://10.0.0.1/x"}}
            assert "no public address" in put(running, "/v1/alerts/test", draft, "POST")["reason"]
            preview = put(running, "/v1/alerts/preview", {"rule": rule, "days": 1}, "POST")
            assert len(preview["incidents"]) == 1
            assert (
                "days: a number up to 90"
                in put(running, "/v1/alerts/preview", {"rule": rule, "days": 900}, "POST", 400)["error"]
            )
            states = httpx.get(running.otlp + "/v1/alerts", verify=PLAIN).json()
            assert [(each["id"], each["status"], each["problem"]) for each in states["rules"]] == [
                ("errors", "firing", "")
            ]
            shown += running.log.read_text() + json.dumps(states) + running.sql("SELECT * FROM saved")
            assert "T0KEN" not in shown
            assert "hidden" not in shown
