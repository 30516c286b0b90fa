"""OTLP over gRPC: what is taken, what is refused, and how."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pydantic_settings import CliApp

from quarterdeck.tokens import Scope, TokenFile, Tokens
from quarterdeck_collector.__main__ import main
from quarterdeck_collector.collector import Collector
from quarterdeck_collector.receive.grpc import bind, serve
from quarterdeck_collector.settings import Settings
from support import otlp
from support.collectors import CollectorProcess, wait_for

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
COUNT = "SELECT count() FROM otel_traces WHERE TraceId = {trace:String}"


@pytest.mark.parametrize(
    "compression", [None, grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate]
)
def test_every_compression_is_read(running: CollectorProcess, compression: grpc.Compression | None) -> None:
    trace_id = otlp.new_trace_id()
    request = otlp.traces({"trace_id": trace_id, "attributes": {"text": "x" * 1000}})

    answer = running.rpc("Trace", request.SerializeToString(), compression)

    assert ExportTraceServiceResponse.FromString(answer) == ExportTraceServiceResponse()
    wait_for(lambda: running.sql(COUNT, trace=trace_id.hex()) == "1")


@pytest.mark.parametrize("signal", ["Trace", "Logs", "Metrics"])
def test_empty_requests_are_taken(running: CollectorProcess, signal: str) -> None:
    assert running.rpc(signal, b"") == b""


def test_a_request_repeated_over_the_other_protocol_is_stored_once(running: CollectorProcess) -> None:
    trace_id, marker = otlp.new_trace_id(), otlp.new_trace_id()
    body = otlp.traces({"trace_id": trace_id}).SerializeToString()

    running.rpc("Trace", body, grpc.Compression.Gzip)
    assert running.post("/v1/traces", gzip.compress(body), content_encoding="gzip").status_code == 200
    assert running.post("/v1/traces", zlib.compress(body), content_encoding="deflate").status_code == 200
    running.rpc("Trace", body)

    running.rpc("Trace", otlp.traces({"trace_id": marker}).SerializeToString())
    wait_for(lambda: running.sql(COUNT, trace=marker.hex()) == "1")
    assert running.sql(COUNT, trace=trace_id.hex()) == "1"


def refused(running: CollectorProcess, signal: str, body: bytes, compression: grpc.Compression | None = None) -> Any:
    """Export what is refused, and give the refusal."""
    with pytest.raises(grpc.RpcError) as refusal:
        running.rpc(signal, body, compression)
    return refusal.value


VALID = otlp.traces({}).SerializeToString()
REFUSED = {
    "garbage": (b"\xff\xff\xff", None, grpc.StatusCode.INVALID_ARGUMENT, "no ExportTraceServiceRequest"),
    "cut short": (VALID[:-3], None, grpc.StatusCode.INVALID_ARGUMENT, "no ExportTraceServiceRequest"),
    "too large": (bytes(65 << 20), None, grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max"),
    "zip bomb": (bytes(80 << 20), grpc.Compression.Gzip, grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_for_good_and_the_server_goes_on(running: CollectorProcess, name: str) -> None:
    body, compression, code, reason = REFUSED[name]

    refusal = refused(running, "Trace", body, compression)

    assert refusal.code() is code
    assert reason in refusal.details()
    trailer = dict(refusal.trailing_metadata())
    assert "google.rpc.retryinfo-bin" not in trailer
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        said = Status.FromString(trailer["grpc-status-details-bin"])
        assert (said.code, said.message) == (code.value[0], refusal.details())
    running.rpc("Trace", VALID)
    assert "Traceback" not in running.log.read_text()


def test_an_unknown_service_is_unimplemented(running: CollectorProcess) -> None:
    assert refused(running, "Profiles", b"").code() is grpc.StatusCode.UNIMPLEMENTED


@asynccontextmanager
async def in_process(folder: Path, *flags: str) -> AsyncIterator[tuple[Collector, Any]]:
    """Run a collector without ClickHouse here, and connect to it."""
    fixed = ("--data-dir", str(folder), "--clickhouse-url", "http://127.0.0.1:1", "--otlp-grpc-port", "0")
    settings = CliApp.run(Settings, cli_args=[*fixed, *flags])
    bound = bind(settings)
    holder = Collector(settings, "", Tokens(settings.token_file, local=True))
    async with holder.running(), grpc.aio.insecure_channel(f"127.0.0.1:{bound.address[1]}") as channel:
        await serve(bound.server, holder)
        yield holder, channel
        await bound.server.stop(None)


async def inflight(holder: Collector, *, expected: bool) -> None:
    await asyncio.to_thread(wait_for, lambda: bool(holder.inflight_bytes) is expected)


async def test_unread_messages_count_against_the_memory_for_requests(tmp_path: Path) -> None:
    body = otlp.traces({"attributes": {"text": "x" * 2_000_000}}).SerializeToString()
    async with in_process(tmp_path, "--max-inflight-bytes", "1000000") as (holder, channel):
        unfinished = channel.stream_unary(EXPORT)()
        await inflight(holder, expected=True)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await channel.unary_unary(EXPORT)(body)
        unfinished.cancel()
        await inflight(holder, expected=False)
        assert await channel.unary_unary(EXPORT)(body) == b""  # larger than the memory for all, but alone

    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refusal.value.details() == "too many requests at once; try again"


async def test_a_message_that_does_not_arrive_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async with in_process(tmp_path, "--client-patience", "0.05") as (holder, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await channel.stream_unary(EXPORT)()
        await inflight(holder, expected=False)

    assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert refusal.value.details() == "the message did not arrive within 0.05 s; send smaller batches"


async def test_only_a_token_of_scope_ingest_lets_in_once_there_are_tokens(tmp_path: Path) -> None:
    body = otlp.traces({}).SerializeToString()
    async with in_process(tmp_path) as (holder, channel):
        export = channel.unary_unary(EXPORT)
        assert await export(body) == b""
        tokens = {scope: TokenFile(holder.settings.token_file).create(scope, [scope]) for scope in Scope}

        async def code(*metadata: tuple[str, str]) -> grpc.StatusCode:
            call = export(body, metadata=metadata)
            return grpc.StatusCode((await call.code()).value)

        found = {scope: await code(("authorization", f"Bearer {token}")) for scope, token in tokens.items()}
        assert found == {
            Scope.INGEST: grpc.StatusCode.OK,
            Scope.READ: grpc.StatusCode.PERMISSION_DENIED,
            Scope.RUN: grpc.StatusCode.PERMISSION_DENIED,
            Scope.ADMIN: grpc.StatusCode.OK,
        }
        assert await code() is await code(("authorization", "Bearer x")) is grpc.StatusCode.UNAUTHENTICATED


def test_a_busy_port_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture, running: CollectorProcess) -> None:
    port = running.grpc.rpartition(":")[2]
    flags = ["--otlp-http-port", "0", "--clickhouse-port", "0", "--otlp-grpc-port", port]

    assert main(["--data-dir", str(tmp_path / "data"), *flags]) == 2
    assert f"port {port} is in use on 127.0.0.1 or cannot be opened (Address already in use); stop" in caplog.text
    assert "choose another with --otlp-grpc-port / QUARTERDECK_OTLP_GRPC_PORT" in caplog.text
