"""Clients that take their time, on real sockets."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from support.collectors import PATIENCE, CollectorProcess, collector

CONNECTIONS = 6
HEAD = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100000\r\n"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector of little patience."""
    folder = tmp_path_factory.mktemp("strict") / "data"
    with collector(folder, "--client-patience", "0.5", "--max-connections", str(CONNECTIONS)) as process:
        yield process


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), PATIENCE)


def everything(client: socket.socket) -> bytes:
    """Read until the server ends the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65536):
            received += part
    return received


def trickle(client: socket.socket, stop: threading.Event) -> None:
    """Send a byte now and then."""
    with contextlib.suppress(OSError):
        while not stop.wait(0.05):
            client.send(b"x")


@contextlib.contextmanager
def trickling(client: socket.socket) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=trickle, args=(client, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_body_that_trickles_gets_408_and_the_connection_ends(strict: CollectorProcess) -> None:
    with connect(strict.otlp) as client:
        client.sendall(HEAD + b"\r\n")
        with trickling(client):
            answer = everything(client)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    status = Status.FromString(body)
    assert (status.code, status.message) == (4, "the body did not arrive within 0.5 s")


def test_a_query_that_trickles_gets_408(strict: CollectorProcess) -> None:
    with connect(strict.clickhouse) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nSELECT")
        answer = everything(client)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Code: 209. DB::Exception: the body did not arrive within 0.5 s" in answer


@pytest.mark.parametrize("sent", [b"", b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-", HEAD + b"x-a: "])
def test_headers_that_do_not_come_end_the_connection(strict: CollectorProcess, sent: bytes) -> None:
    with connect(strict.otlp) as client:
        client.sendall(sent)
        with trickling(client) if sent else contextlib.nullcontext():
            assert everything(client) == b""


def test_a_refused_client_cannot_go_on_sending_for_ever(strict: CollectorProcess) -> None:
    with connect(strict.otlp) as client:
        client.sendall(HEAD.replace(b"x-protobuf", b"x-nothing") + b"\r\n")
        with trickling(client):
            assert everything(client).startswith(b"HTTP/1.1 415 ")


def test_endless_headers_are_refused(strict: CollectorProcess) -> None:
    with connect(strict.otlp) as client:
        client.sendall(b"GET / HTTP/1.1\r\nx-long: " + b"x" * (1 << 20))
        assert everything(client).startswith(b"HTTP/1.1 400 ")


def test_an_answer_that_is_not_taken_ends_the_connection(strict: CollectorProcess) -> None:
    query = urlencode({"query": "SELECT repeat('x', 1000) FROM numbers(300000)"})
    with connect(strict.clickhouse) as client:
        client.sendall(f"GET /?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        threading.Event().wait(2)  # the time that a client must let pass to be slow
        assert len(everything(client)) < 300_000_000


def test_a_slow_query_is_not_a_slow_client(strict: CollectorProcess) -> None:
    assert strict.sql("SELECT sleep(2)") == "0"


def test_a_listener_without_events_is_not_a_slow_client(strict: CollectorProcess) -> None:
    patience = httpx.Timeout(90, read=1.5)
    with pytest.raises(httpx.ReadTimeout), httpx.stream("GET", f"{strict.otlp}/v1/live", timeout=patience) as answer:
        answer.read()


def test_a_listener_that_owes_a_body_is_let_go(strict: CollectorProcess) -> None:
    with connect(strict.otlp) as client:
        client.sendall(b"GET /v1/live HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n")
        assert everything(client).startswith(b"HTTP/1.1 200 ")
    assert "Traceback" not in strict.log.read_text()


def test_more_connections_than_allowed_get_503(strict: CollectorProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(connect(strict.otlp)).sendall(b"GET /v1/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert httpx.get(f"{strict.otlp}/healthz").status_code == 503
    assert strict.process.poll() is None


def test_settings_of_patience_are_checked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from quarterdeck_collector.__main__ import main

    assert main(["--client-patience", "0", "--data-dir", str(tmp_path)]) == 2
    assert "--client-patience: Input should be greater than 0" in capfd.readouterr().err
