"""TLS both ways, as the certificate variables of OpenTelemetry say."""

import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest

import quarterdeck as qd
from support.certificates import Certificate, self_signed
from support.otlp_receiver import Receiver
from support.servers import serve


@pytest.fixture
def server(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path, "server")


@pytest.fixture
def client(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path, "client")


def send_a_run(endpoint: str) -> bool:
    qd.init(endpoint)
    with qd.pipeline("p"):
        pass
    sent = qd.flush()
    qd.shutdown()
    return sent


def trust(monkeypatch: pytest.MonkeyPatch, server: Certificate, client: Certificate) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", server.certificate)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", client.certificate)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", client.key)


def test_https_with_certificates_of_both_sides(
    receiver: Receiver, server: Certificate, client: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls: dict[str, Any] = {
        "ssl_certfile": server.certificate,
        "ssl_keyfile": server.key,
        "ssl_ca_certs": client.certificate,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    with serve(receiver.app(), **tls) as url:
        address = url.replace("http:", "https:")
        assert not send_a_run(address)
        trust(monkeypatch, server, client)
        assert send_a_run(address)
    assert [span["name"] for span in receiver.spans()] == ["invoke_workflow p"] * 2


def test_grpc_with_certificates_of_both_sides(
    receiver: Receiver, server: Certificate, client: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = (Path(server.key).read_bytes(), Path(server.certificate).read_bytes())
    credentials = grpc.ssl_server_credentials([pair], Path(client.certificate).read_bytes(), require_client_auth=True)
    with receiver.serve_grpc(credentials=credentials) as port:
        assert not send_a_run(f"grpcs://127.0.0.1:{port}")
        trust(monkeypatch, server, client)
        assert send_a_run(f"grpcs://127.0.0.1:{port}")
    assert [span["name"] for span in receiver.spans()] == ["invoke_workflow p"] * 2
