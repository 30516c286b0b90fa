"""``quarterdeck validate`` and ``quarterdeck run``."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from quarterdeck_runner import prices
from quarterdeck_runner.prices import Prices
from quarterdeck_runner.terminal.run import main as run
from quarterdeck_runner.terminal.validate import main as validate
from support.deck import free_ports
from support.runner import PATIENCE, eventually

GOOD = """\
workflow:
  name: good
  inputs: {topic: {type: string, default: rain}, depth: {type: integer, default: 1}, deep: {type: array, default: []}}
  steps:
    - {name: ask, type: claude, prompt: "[[say:about {{ inputs.topic }} {{ inputs.depth + 1 }}]]"}
    - {name: skip, type: echo, value: x, if: "inputs.depth > 5"}
    - {name: end, type: echo, value: "{{ ask }} {{ inputs.deep }}", output_to_file: end.txt}
"""
BAD = "workflow:\n  name: bad\n  steps:\n    - {name: a, type: bash}\n    - {name: b, type: echo, valeu: 1}\n"
WARNS = "workflow:\n  name: warns\n  steps:\n    - {name: b, type: echo, valeu: 1}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider_environment: dict[str, str]) -> Path:
    """A current folder with providers that answer, and no collector."""
    monkeypatch.chdir(tmp_path)
    for name, value in {**provider_environment, "QUARTERDECK_DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    for name, text in {"good": GOOD, "bad": BAD, "warns": WARNS}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def asked(stand_in: str, word: str) -> int:
    """How often a prompt with this word was sent."""
    return sum(word in json.dumps(each["body"]) for each in httpx.get(f"{stand_in}/__requests").json())


def test_validate_prints_every_problem_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(["good.yaml", str(folder / "bad.yaml"), "nowhere.yaml"]) == 1
    said = capsys.readouterr()
    assert said.out == (
        f"{folder}/bad.yaml:4:23: error: step 'a': the step type 'bash' is refused: "
        "shell commands are not run from pipelines\n"
        f"{folder}/bad.yaml:5:29: warning: step 'b' has no key 'valeu': it is ignored; did you mean 'value'?\n"
        "nowhere.yaml:1:1: error: there is no file nowhere.yaml\n"
    )
    assert said.err == "3 files: 2 errors, 1 warning\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [(["good.yaml"], 0), (["warns.yaml"], 0), (["--strict", "warns.yaml"], 1), (["bad.yaml"], 1), (["."], 1)],
)
def test_what_validate_returns(folder: Path, words: list[str], code: int) -> None:
    assert (folder.is_dir(), validate(words)) == (True, code)


def test_validate_gives_editors_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Quarterdeck pipeline"
    with pytest.raises(SystemExit) as stopped:
        validate([])
    assert stopped.value.code == 2
    assert "name a pipeline file" in capsys.readouterr().err


def test_run_shows_what_happens_and_prints_the_result(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["good.yaml", "topic=the sea", "DEPTH=2", "deep=[1]"]) == 0
    said = capsys.readouterr()
    assert said.out == "about the sea 3 [\n  1\n]\n"
    lines = re.sub(r"\d+\.\d s", "T s", re.sub(r"[0-9a-f-]{36}", "ID", said.err)).replace(str(folder), "FOLDER")
    assert lines == (
        "good · run ID · in this process\n"
        "▸ [1/3] ask · claude · claude-sonnet-5-5\n"
        "  about the sea 3\n"
        "✓ ask · T s · 6 → 4 tokens · $0.0001\n"
        "○ skip · skipped: the condition does not hold\n"
        "▸ [3/3] end · echo\n"
        "✓ end · T s · written to FOLDER/data/outputs/ID/end.txt\n"
        "completed · T s · $0.0001\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["bad.yaml"], 1, "bad.yaml:4:23: error: step 'a'"),
        (["nowhere.yaml"], 2, "quarterdeck run: there is no file nowhere.yaml"),
        (
            ["good.yaml", "topc=x", "depth=many", "what", "deep=3"],
            2,
            (
                "quarterdeck run: input 'depth' must be of type integer: 'many' is no JSON; 'what' is no input: write "
                "key=value; input 'topc': the pipeline has no input 'topc'; did you mean 'topic'?; "
                "input 'deep': must be of type array, not integer"
            ),
        ),
        (["good.yaml", "--resume"], 2, "quarterdeck run: no run of good.yaml was broken off"),
        (["good.yaml", "--resume", "../x"], 2, "quarterdeck run: there is no record of a run '../x'"),
        (["good.yaml", "topic=x", "--resume"], 2, "quarterdeck run: a run that goes on keeps its inputs"),
    ],
)
def test_what_cannot_be_run_says_why(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    assert (run(words), folder.is_dir()) == (code, True)
    assert message in capsys.readouterr().err


def test_without_a_key_nothing_begins(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert run(["good.yaml"]) == 2
    said = capsys.readouterr().err
    assert "the pipeline asks Claude: set ANTHROPIC_API_KEY, or try it with --stand-in, which asks nobody" in said
    assert list((folder / "data" / "runs").glob("*.jsonl")) == []
    assert run(["good.yaml", "--stand-in", "topic=tides", "--no-stream"]) == 0
    assert capsys.readouterr().out == "about tides 2 []\n"


def test_a_failed_run_goes_on_from_the_step_that_failed(
    folder: Path, capsys: pytest.CaptureFixture[str], stand_in: str
) -> None:
    text = """
workflow:
  name: fails
  steps:
    - {name: one, type: claude, prompt: "[[say:1]] resume-one"}
    - name: two
      type: for_loop
      data_source: [a, b]
      steps: [{name: ask, type: claude, prompt: "[[say:{{ item }}]] resume-two-{{ item }}"}]
    - {name: three, type: claude, prompt: "[[error:400]] resume-three"}
    - {name: end, type: echo, value: "{{ one }} {{ two.completed_items }} {{ three }}"}
"""
    file = folder / "fails.yaml"
    file.write_text(text)
    assert run(["fails.yaml"]) == 1
    said = capsys.readouterr().err
    assert "✗ three · fails.yaml:10: step 'three': Claude answered 400" in said
    (run_id,) = re.findall(r"finished steps are kept: quarterdeck run fails\.yaml --resume (\S+)", said)
    file.write_text("\n" + text.replace("[[error:400]]", "[[say:3]]"))
    assert run(["fails.yaml", "--resume", run_id]) == 0
    again = capsys.readouterr()
    assert again.out == "1 2 3\n"
    assert "2 steps from before" in again.err
    assert [asked(stand_in, f"resume-{word}") for word in ("one", "two-a", "two-b", "three")] == [1, 1, 1, 2]
    assert run(["fails.yaml", "--resume", run_id]) == 2
    assert f"run {run_id} has completed: start a new one" in capsys.readouterr().err


def test_what_was_changed_is_done_again_and_all_after_it(folder: Path, stand_in: str) -> None:
    text = """
workflow:
  name: changed
  steps:
    - {name: one, type: claude, prompt: "[[say:1]] changed-one"}
    - {name: two, type: claude, prompt: "[[say:2]] changed-two"}
    - {name: three, type: claude, prompt: "[[say:3]] changed-three"}
    - {name: end, type: claude, prompt: "[[error:400]]"}
"""
    (folder / "changed.yaml").write_text(text)
    assert run(["changed.yaml"]) == 1
    (folder / "changed.yaml").write_text(text.replace("[[say:2]]", "[[say:two]]").replace("[[error:400]]", "[[say:x]]"))
    assert run(["changed.yaml", "--resume"]) == 0
    assert [asked(stand_in, f"changed-{word}") for word in ("one", "two", "three")] == [1, 2, 2]


def test_a_killed_run_loses_no_finished_step(folder: Path, stand_in: str) -> None:
    (folder / "killed.yaml").write_text("""
workflow:
  name: killed
  steps:
    - {name: one, type: claude, prompt: "[[say:1]] killed-one"}
    - name: two
      type: for_loop
      data_source: [a, b]
      steps:
        - name: ask
          type: claude
          prompt: "{{ loop.first ? '[[say:A]]' : '[[n:40]][[delay:0.05]]' }} killed-{{ item }}"
    - {name: end, type: echo, value: "{{ one }} {{ two.iterations[0].results.ask }} {{ two.completed_items }}"}
""")
    command = [sys.executable, "-m", "quarterdeck_runner.terminal.run", "killed.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ) as process:
        eventually(lambda: asked(stand_in, "killed-b"))
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (again.returncode, again.stdout) == (0, "1 A 2\n"), again.stderr
    assert [asked(stand_in, f"killed-{word}") for word in ("one", "a", "b")] == [1, 1, 2]


def test_control_c_breaks_a_run_off_and_says_how_to_go_on(folder: Path, stand_in: str) -> None:
    (folder / "long.yaml").write_text("""
workflow:
  name: long
  steps: [{name: ask, type: claude, prompt: "[[n:3000]][[delay:0.02]] broken-off"}]
""")
    command = [sys.executable, "-m", "quarterdeck_runner.terminal.run", "long.yaml"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        eventually(lambda: asked(stand_in, "broken-off"))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "broken off; finished steps are kept: quarterdeck run long.yaml --resume " in said
    assert "Traceback" not in said


def test_a_run_is_not_run_twice_at_once(folder: Path, capsys: pytest.CaptureFixture[str], stand_in: str) -> None:
    (folder / "once.yaml").write_text("""
workflow:
  name: once
  steps: [{name: ask, type: claude, prompt: "[[n:3000]][[delay:0.02]] at-once"}]
""")
    command = [sys.executable, "-m", "quarterdeck_runner.terminal.run", "once.yaml"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ) as process:
        eventually(lambda: asked(stand_in, "at-once"))
        assert run(["once.yaml", "--resume"]) == 1
        assert f"is in use by process {process.pid}" in capsys.readouterr().err
        process.kill()


def test_an_answer_does_not_steer_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "escape.yaml").write_text("""
workflow:
  name: escape
  steps:
    - {name: ask, type: claude, prompt: "[[say:a\\x1b[2Jb]]"}
    - {name: end, type: echo, value: done}
""")
    assert run(["escape.yaml"]) == 0
    assert "  a·[2Jb\n" in capsys.readouterr().err


def test_an_earlier_answer_stands_in_for_one_that_does_not_come(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cached.yaml").write_text("""
workflow:
  name: cached
  steps:
    - name: ask
      type: claude_robust
      retry_config: {max_retries: 0, fallback_action: use_cached_response}
      prompt: "[[say:kept]] cached-question"
""")
    with monkeypatch.context() as away:
        away.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
        assert run(["cached.yaml"]) == 1
        assert "; no earlier answer to this question is kept" in capsys.readouterr().err
        assert run(["cached.yaml"]) == 1
    assert run(["cached.yaml"]) == 0
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    capsys.readouterr()
    assert run(["cached.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == "kept\n"
    assert "fell back to use_cached_response" in said.err


def test_the_users_own_prices_hold_in_the_terminal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prices, "_current", [Prices()])
    file, own = tmp_path / "own.yaml", tmp_path / "prices.toml"
    file.write_text(
        "workflow:\n  name: own\n  steps:\n"
        "    - {name: a, type: claude, claude_options: {model: claude-own-1}, prompt: hi}\n"
    )
    own.write_text('[[price]]\nprovider = "anthropic"\nmodel = "claude-own-1"\ninput = 1.0\noutput = 2.0\n')
    assert validate([str(file)]) == 0
    assert "is not known, nor its price" in capsys.readouterr().out
    monkeypatch.setenv("QUARTERDECK_PRICES", str(own))
    assert validate([str(file)]) == 0
    assert capsys.readouterr().out == ""
    own.write_text("nonsense")
    with pytest.raises(SystemExit, match="2"):
        validate([str(file)])
    assert str(own) in capsys.readouterr().err
