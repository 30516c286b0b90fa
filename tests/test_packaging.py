"""What ``pip install quarterdeck`` gives, with no extra: the light SDK, and clear words for the rest."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.trust import environment_for_the_world

ROOT = Path(__file__).parents[1]

HEAVY = (
    "anthropic",
    "chdb",
    "clickhouse_connect",
    "fastapi",
    "google.genai",
    "google.protobuf",
    "httpx",
    "opentelemetry.exporter",
    "pandas",
    "pydantic",
    "requests",
    "streamlit",
    "yaml",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that holds the wheel without extras."""
    folder = tmp_path_factory.mktemp("bare")
    run(sys.executable, "-m", "venv", str(folder))
    python = folder / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(str(python), *pip, "--constraint", str(constraints), str(wheel))
    return python


def run(*words: str) -> str:
    world = environment_for_the_world()
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200, cwd="/", env=world)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_sdk_loads_nothing_heavy(bare: Path) -> None:
    program = "import sys, json, quarterdeck; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(run(str(bare), "-c", program))
    assert [name for name in loaded if name.startswith(HEAVY)] == []


def test_the_same_holds_where_everything_is_installed() -> None:
    program = "import sys, json, quarterdeck; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(run(sys.executable, "-c", program))
    assert [name for name in loaded if name.startswith(HEAVY)] == []


@pytest.mark.parametrize(
    ("command", "extra"),
    [("collector", "collector"), ("runner", "runner"), ("ui", "ui"), ("demo", "runner"), ("mcp", "mcp")],
)
def test_a_command_without_its_extra_says_what_to_install(bare: Path, command: str, extra: str) -> None:
    done = subprocess.run(
        [str(bare), "-m", "quarterdeck", command], capture_output=True, text=True, check=False, timeout=200, cwd="/"
    )
    assert done.returncode == 2
    assert f"pip install 'quarterdeck[{extra}]'" in done.stderr


def test_the_bare_sdk_can_follow_and_ask_a_collector(bare: Path) -> None:
    for words in (("tail", "--no-follow", "--endpoint"), ("query", "runs", "--clickhouse-url")):
        command = [str(bare), "-m", "quarterdeck", *words, "http://127.0.0.1:9"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd="/")
        assert (done.returncode, "start it with 'quarterdeck up'" in done.stderr) == (1, True)


def test_up_without_extras_says_what_to_install(bare: Path) -> None:
    done = subprocess.run(
        [str(bare), "-m", "quarterdeck", "up"], capture_output=True, text=True, check=False, timeout=200, cwd="/"
    )
    assert (done.returncode, "pip install 'quarterdeck[all]'" in done.stderr) == (2, True)


def test_the_bare_sdk_traces_a_pipeline_without_a_collector(bare: Path) -> None:
    program = (
        "import quarterdeck as qd\n"
        "qd.init(endpoint='http://127.0.0.1:9')\n"
        "@qd.pipeline\n"
        "def flow(): return 42\n"
        "print(flow())"
    )
    assert run(str(bare), "-c", program) == "42\n"


def test_the_wheel_holds_the_data_files_of_every_part(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for start, end in [
        ("quarterdeck_collector/schema/", ".sql"),
        ("quarterdeck_collector/schema/", ".proto"),
        ("quarterdeck_ui/queries/", ".sql"),
        ("quarterdeck_console/questions/", ".sql"),
        ("quarterdeck_console/agents/sql/", ".sql"),
        ("quarterdeck_ui/pages/", ".sql"),
        ("quarterdeck_ui/", ".js"),
        ("quarterdeck_runner/", "schema.json"),
        ("quarterdeck_runner/demo/examples/pipelines/", ".yaml"),
        ("quarterdeck/", "py.typed"),
    ]:
        assert any(name.startswith(start) and name.endswith(end) for name in names), (start, end)
    assert not any("__pycache__" in name for name in names)


def test_another_day_and_folder_make_the_same_wheel_and_no_tests_are_in_it(wheel: Path, tmp_path: Path) -> None:
    listed = run("git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "copy" / name)  # with the time of now
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(tmp_path / "copy"))
    (again,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert again.read_bytes() == wheel.read_bytes()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "quarterdeck", "quarterdeck_collector", "quarterdeck_console", "quarterdeck_runner", "quarterdeck_ui",
    }  # fmt: skip
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_what_releases_is_a_workflow_that_github_understands() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    run(str(checker), "--builtin-schema", "vendor.github-workflows", str(ROOT / ".github/workflows/release.yml"))
