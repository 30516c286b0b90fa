"""The command line without any service."""

import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from quarterdeck.cli import main
from quarterdeck.cli.doctor import examine
from quarterdeck.cli.settings import SETTINGS, parse
from quarterdeck.cli.stand_in import examples_folder, missing_keys, stand_in_environment


def test_flag_beats_environment_beats_default() -> None:
    environ = {"QUARTERDECK_UI_PORT": "9001", "QUARTERDECK_RUNNER_PORT": "9002"}
    options = parse(["--ui-port", "9003"], environ)
    assert (options["ui-port"], options["runner-port"], options["clickhouse-port"]) == ("9003", "9002", "8123")


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_a_port_that_is_none_is_refused_with_the_range(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse([f"--ui-port={port}"], {})
    assert stopped.value.code == 2
    assert "give a number from 1 to 65535" in capsys.readouterr().err


def test_children_get_every_setting_that_is_set() -> None:
    environment = parse(["--data-dir", "/tmp/deck"], {}).environment()  # noqa: S108 - only a name here
    assert environment["QUARTERDECK_DATA_DIR"] == "/tmp/deck"  # noqa: S108 - as above
    assert "QUARTERDECK_CLICKHOUSE_URL" not in environment


def test_an_unknown_command_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sail"]) == 2
    said = capsys.readouterr().err
    assert "there is no command 'sail'" in said
    assert all(name in said for name in ("up", "doctor", "collector", "runner", "ui", "demo"))


def test_a_busy_port_is_named_together_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        words = ["up", "--ui-port", port, "--data-dir", str(tmp_path), "--no-demo"]
        done = subprocess.run(
            [sys.executable, "-m", "quarterdeck", *words], capture_output=True, text=True, check=False, timeout=200
        )
    assert done.returncode == 2
    assert f"port {port} is in use" in done.stderr
    assert "--ui-port / QUARTERDECK_UI_PORT" in done.stderr


def test_doctor_names_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    file.chmod(0o400)
    findings = list(examine(parse(["--data-dir", str(file / "inside")], {})))
    assert any(f.subject == "data folder" and f.level == "problem" for f in findings)


def test_doctor_says_what_to_do_about_an_unreachable_clickhouse() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        findings = {f.subject: f for f in examine(parse(["--clickhouse-url", url], {}))}
    assert findings["clickhouse"].level == "problem"
    assert "unset QUARTERDECK_CLICKHOUSE_URL" in findings["clickhouse"].text


def test_doctor_says_what_to_do_about_a_grpc_port_that_another_program_has() -> None:
    with socket.socket() as taken, socket.socket() as unused:
        for each in (taken, unused):
            each.bind(("127.0.0.1", 0))
        taken.listen()
        port, free = (str(each.getsockname()[1]) for each in (taken, unused))
        unused.close()
        options = parse(["--otlp-grpc-port", port, "--otlp-http-port", free], {})
        findings = {f.subject: f for f in examine(options)}
    assert findings["OTLP/gRPC"].level == "problem"
    assert (
        f"port {port} is taken by another program; choose another with --otlp-grpc-port" in findings["OTLP/gRPC"].text
    )


def test_only_providers_without_a_key_go_to_the_stand_in() -> None:
    environ = {"ANTHROPIC_API_KEY": "k", "OTEL_RESOURCE_ATTRIBUTES": "team=a"}
    assert missing_keys(environ) == ["gemini"]
    assert stand_in_environment("http://127.0.0.1:1", environ) == {
        "OTEL_RESOURCE_ATTRIBUTES": "team=a,quarterdeck.provider.stand_in=true",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:1",
        "GEMINI_API_KEY": "stand-in",
    }
    assert stand_in_environment("http://127.0.0.1:1", {**environ, "GOOGLE_API_KEY": "k"}) == {}


def test_the_examples_are_found() -> None:
    assert sorted(path.suffix for path in (examples_folder() / "pipelines").glob("*.yaml")) == [".yaml"] * 3


README = (Path(__file__).parents[2] / "README.md").read_text()


def test_every_setting_of_up_is_documented_in_the_readme() -> None:
    assert [s.variable for s in SETTINGS if f"`{s.variable}`" not in README] == []


@pytest.mark.parametrize("package", ["quarterdeck_collector", "quarterdeck_runner", "quarterdeck_ui"])
def test_every_setting_of_a_service_is_described_and_documented(package: str) -> None:
    fields = import_module(f"{package}.settings").Settings.model_fields
    assert [name for name, field in fields.items() if not field.description] == []
    assert [name for name in fields if f"`QUARTERDECK_{name.upper()}`" not in README] == []


@pytest.mark.parametrize("command", ["up", "collector", "runner", "ui"])
def test_an_address_that_others_can_reach_is_refused(command: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "quarterdeck", command, "--host", "0.0.0.0"]  # noqa: S104 - this is the refused one
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200, cwd=tmp_path)
    assert done.returncode == 2
    assert "0.0.0.0 can be reached from other machines" in done.stderr
