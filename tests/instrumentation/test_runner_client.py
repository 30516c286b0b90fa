"""The client of the runner where connections break; what it asks of a real runner is tested there."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from quarterdeck.runner_client import RunnerClient, RunnerError


@contextmanager
def breaking(failures: int, answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that hangs up on its first clients after it has read their requests."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for number in range(failures + 1):
                client, _ = server.accept()
                with client:
                    heard.append(client.recv(65536))
                    if number == failures:
                        client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard


def ok(body: object) -> bytes:
    content = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(content), content)


def header(request: bytes, name: bytes) -> bytes:
    found = [line for line in request.split(b"\r\n") if line.lower().startswith(name + b":")]
    return found[0] if found else b""


def test_a_start_that_is_cut_off_is_sent_again_with_the_same_key() -> None:
    with breaking(1, ok({"id": "r1"})) as (url, heard):
        assert RunnerClient(url, "qdt_fake").start("hello")["id"] == "r1"
    keys = [header(request, b"idempotency-key") for request in heard]
    assert len(keys) == 2
    assert keys[0] == keys[1] != b""
    assert {header(request, b"authorization") for request in heard} == {b"authorization: Bearer qdt_fake"}


def test_each_start_has_a_key_of_its_own() -> None:
    seen = []
    for _ in range(2):
        with breaking(0, ok({"id": "r1"})) as (url, heard):
            RunnerClient(url).start("hello")
        seen.append(header(heard[0], b"idempotency-key"))
    assert seen[0] != seen[1]


def test_a_change_that_is_cut_off_is_not_sent_again() -> None:
    """It would be refused, for the first attempt may have changed the ETag."""
    with breaking(1, ok({})) as (url, heard):
        with pytest.raises(RunnerError, match=r"does not answer"):
            RunnerClient(url).save("hello", "name: hello", '"etag"')
        assert len(heard) == 1


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "127.0.0.1:8700", "http://"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(RunnerError, match="is no http"):
        RunnerClient(url).providers()
