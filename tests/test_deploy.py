"""What is in deploy/: checked with the tools' own checkers, and what can be run here is run."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import compose_spec
import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml
from pydantic_settings import BaseSettings

from quarterdeck.tokens import Scope, TokenFile, Tokens
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.settings import Settings as CollectorSettings
from quarterdeck_collector.store import SCHEMA_FILE, EmbeddedStore
from quarterdeck_runner.settings import Settings as RunnerSettings
from quarterdeck_ui.settings import Settings as UiSettings
from support import otlp
from support.stores import drop

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERNETES = "1.37"
BIN = Path(sys.executable).parent
HELM = shutil.which("helm", path=f"{BIN}:{os.environ['PATH']}")
SERVICES: dict[str, type[BaseSettings]] = {"collector": CollectorSettings, "runner": RunnerSettings, "ui": UiSettings}
OTHERS = {"QUARTERDECK_TOKEN", "QUARTERDECK_ENDPOINT", "QUARTERDECK_UI_ADMIN_PASSWORD"}
"""Variables of the SDK and of the entry point."""


def run(*command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, **options)


def known_variables(service: str) -> set[str]:
    return {f"QUARTERDECK_{name.upper()}" for name in SERVICES[service].model_fields} | OTHERS


def test_the_compose_file_is_one_and_sets_only_what_services_know() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    filled = yaml.safe_load(re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda each: each[1] or "set", text))
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(filled)).validate()  # merge keys are YAML's
    services = yaml.safe_load(text)["services"]
    assert {name for name, each in services.items() if "profiles" not in each} == {"clickhouse", *SERVICES}
    for name in SERVICES:
        ours = {each for each in services[name]["environment"] if each.startswith("QUARTERDECK_")}
        assert ours <= known_variables(name), name
    mounted = re.findall(r"(\./[\w./-]+):/", text)
    assert all((DEPLOY / each).exists() for each in mounted), mounted
    published = re.findall(r'"([\d.:]+)"', " ".join(re.findall(r"ports: \[(.*)\]", text)))
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_dockerfile_is_linted_and_lets_nobody_be_root() -> None:
    done = run(str(BIN / "hadolint"), "--ignore", "DL3042", str(DEPLOY / "Dockerfile"))
    assert done.returncode == 0, done.stdout
    stages = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")
    for service in SERVICES:
        stage = next(each for each in stages if each.splitlines()[0].endswith(f"AS {service}"))
        assert "\nUSER 10001\n" in stage
        assert f"[{service}]" in stage  # and no other extra: the dashboard weighs half a gigabyte


def test_the_entry_point_makes_the_token_known_once_and_becomes_the_service(tmp_path: Path) -> None:
    path = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "QUARTERDECK_DATA_DIR": str(tmp_path),
        "QUARTERDECK_TOKEN": "t" * 32,
    }
    for _ in range(2):
        done = run("sh", str(DEPLOY / "entrypoint.sh"), "collector", "--help", env=path)
        assert done.returncode == 0, done.stderr
        assert "--otlp-http-port" in done.stdout
    tokens = Tokens(tmp_path / "tokens.json", local=False)
    assert tokens.check("Bearer " + "t" * 32, Scope.ADMIN) == "deployment"
    assert len(TokenFile(tmp_path / "tokens.json").read()) == 1
    refused = run("sh", str(DEPLOY / "entrypoint.sh"), "runner", "--help", env=path | {"QUARTERDECK_TOKEN": "short"})
    assert (refused.returncode, "at least 32 characters" in refused.stderr) == (1, True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
@pytest.mark.parametrize("service", SERVICES)
def test_units_are_understood_by_systemd(service: str, tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/quarterdeck/bin/quarterdeck", str(BIN / "quarterdeck"))
        (tmp_path / unit.name).write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", str(tmp_path / f"quarterdeck-{service}.service"))
    assert [line for line in done.stderr.splitlines() if "quarterdeck" in line] == []


def test_the_proxy_is_understood_by_caddy() -> None:
    done = run(
        str(BIN / "caddy"), "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "proxy" / "Caddyfile")
    )
    assert done.returncode == 0, done.stderr
    assert "Valid configuration" in done.stdout + done.stderr


@pytest.mark.parametrize("file", sorted(DEPLOY.glob("clickhouse/*.xml")), ids=lambda file: file.name)
def test_settings_of_the_server_are_known_to_the_engine(file: Path, store: EmbeddedStore) -> None:
    tree = ET.parse(file).getroot()  # noqa: S314 - our own file
    assert tree.tag == "clickhouse"
    known = {row[0] for row in store.rows("SELECT name FROM system.settings")}
    server = {row[0] for row in store.rows("SELECT name FROM system.server_settings")}
    for profile in tree.findall("profiles/*"):
        assert {each.tag for each in profile} <= known
    plain = {each.tag for each in tree if len(each) == 0 and "remove" not in each.attrib}
    assert plain <= server, plain - server


def render(*values: str) -> "subprocess.CompletedProcess[str]":
    chart = str(DEPLOY / "helm" / "quarterdeck")
    return run(str(HELM), "template", "deck", chart, "--kube-version", KUBERNETES, *values)


def rendered(*values: str) -> list[dict[str, Any]]:
    done = render(*values)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


needs_helm = pytest.mark.skipif(HELM is None, reason="there is no helm, and no Go to build it")


@needs_helm
@pytest.mark.parametrize(
    "values",
    [
        [],
        ["--set", "ingress.enabled=true,ingress.otlpHost=otlp.example.org,ingress.tlsSecret=tls"],
        ["--set", "clickhouse.enabled=false,clickhouse.url=http://ch:8123,clickhouse.readOnlyUrl=http://ch:8123"],
        ["--set", "runner.replicas=2,runner.database=postgresql://db/runner,runner.pipelinesConfigMap=flows"],
    ],
)
def test_the_chart_makes_objects_that_kubernetes_takes(values: list[str]) -> None:
    objects = rendered(*values)
    for each in objects:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    for each in objects:
        if each["kind"] not in {"StatefulSet", "Deployment"}:
            continue
        name = each["metadata"]["name"].rpartition("-")[2]
        (container,) = each["spec"]["template"]["spec"]["containers"]
        if name in SERVICES:
            ours = {env["name"] for env in container["env"] if env["name"].startswith("QUARTERDECK_")}
            assert ours <= known_variables(name)


@needs_helm
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("clickhouse.enabled=false", "url"),
        ("runner.replicas=2", "database"),
        ("ui.login=none", "login"),
        ("collector.storage.size=plenty", "size"),
        ("colector.replicas=2", "colector"),
    ],
)
def test_the_chart_refuses_values_that_cannot_work(values: str, reason: str) -> None:
    done = render("--set", values)
    assert done.returncode != 0
    assert reason in done.stderr


@pytest.fixture(scope="module")
def store(engine: EmbeddedStore) -> Iterator[EmbeddedStore]:
    """Tables in the database that the files of deploy/ name."""
    opened = EmbeddedStore(Path(engine._path), "quarterdeck")
    migrate(opened)
    yield opened
    drop(opened)


def test_every_query_of_the_grafana_dashboard_runs_on_our_tables(store: EmbeddedStore) -> None:
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "quarterdeck.json").read_text())
    sources = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "quarterdeck.yaml").read_text())
    known = {each["uid"] for each in sources["datasources"]}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) == 10
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] in known
        for target in panel["targets"]:
            store.rows(as_grafana_fills_it(target["rawSql"]))


def as_grafana_fills_it(sql: str) -> str:
    """The macros of Grafana's ClickHouse data source, for the last six hours."""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 >= now() - 21600 AND \1 <= now()", sql)
    sql = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)", sql)
    return sql.replace("$__fromTime", "now() - 21600")


def test_a_message_of_kafka_fires_the_views_that_a_segment_fires(store: EmbeddedStore, tmp_path: Path) -> None:
    span = {
        "trace_id": otlp.new_trace_id(),
        "span_id": b"12345678",
        "name": "through kafka",
        "attributes": {"a": [1, 2]},
    }
    message = tmp_path / "message"
    message.write_bytes(otlp.traces(span).SerializeToString())
    table = re.search(r"AS (quarterdeck\.\w+)\nENGINE = Kafka", (DEPLOY / "kafka" / "kafka.sql").read_text())
    assert table
    store.command(
        f"INSERT INTO {table[1]} FROM INFILE '{message}' COMPRESSION 'none' SETTINGS "
        f"format_schema = '{SCHEMA_FILE}:ExportTraceServiceRequest', input_format_protobuf_oneof_presence = 1 "
        "FORMAT ProtobufSingle"
    )
    stored = store.rows("SELECT SpanName, SpanAttributes['a'] FROM quarterdeck.otel_traces")
    assert stored == [["through kafka", "[1,2]"]]
