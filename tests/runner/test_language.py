"""What an editor asks the runner: what may stand where, and one layout for all."""

import pytest

from quarterdeck.runner_client import RunnerClient, RunnerError
from quarterdeck_runner import schema
from quarterdeck_runner.diagnostics import Report
from quarterdeck_runner.formatting import formatted
from quarterdeck_runner.source import read
from support.runner import PATIENCE, Runner

SLOPPY = """\
workflow:
   name:   tidy   # kept
   env: {REGION: eu}
   steps:
   # the first
   - name: "greet"
     type: echo
     value: 'on'
     prompt: |
        two  spaces
          deeper
   -   name: ask
       type:   claude
       prompt: >
         folded
         text {{ steps.greet }} that is rather long, longer than most lines are, and which nobody wants to see broken up
"""

TIDY = """\
workflow:
  name: tidy      # kept
  env: {REGION: eu}
  steps:
   # the first
    - name: "greet"
      type: echo
      value: 'on'
      prompt: |
        two  spaces
          deeper
    - name: ask
      type: claude
      prompt: >
        folded
        text {{ steps.greet }} that is rather long, longer than most lines are, and which nobody wants to see broken up
"""


@pytest.fixture
def client(runner: Runner) -> RunnerClient:
    return RunnerClient(str(runner.http.base_url), timeout_s=PATIENCE)


def test_a_file_is_laid_out_with_its_comments_and_quotes(client: RunnerClient) -> None:
    assert client.format(SLOPPY) == TIDY
    assert client.format(TIDY) == TIDY


def test_what_is_no_yaml_is_not_laid_out_and_the_place_is_named(client: RunnerClient) -> None:
    with pytest.raises(RunnerError, match="is given twice") as refusal:
        client.format("name: a\nname: b\n")
    assert refusal.value.status == 422
    assert [(each["line"], each["column"]) for each in refusal.value.problem["errors"]] == [(2, 1)]


@pytest.mark.parametrize("text", ["a: &a [x]\nb: *a\n", "a: 1e5\nb: ~\nc: 007\n", 'a: "\\u00e9"\n', "- a\n-  - b\n"])
def test_no_layout_changes_what_a_file_says(text: str) -> None:
    before, after = (read(each, Report("x.yaml")) for each in (text, formatted(text)))
    assert before is not None
    assert after is not None
    assert before.plain() == after.plain()


def test_an_editor_learns_schema_models_and_words(client: RunnerClient) -> None:
    found = client.language()
    assert found["json_schema"] == schema.build()
    models = {each["name"]: each["provider"] for each in found["models"]}
    assert (models["sonnet"], models["gemini-3.8-flash"]) == ("claude", "gemini")
    assert "gemini-2.5-pro" not in models
    assert ("length" in found["functions"], found["fields"]["workflow"]) == (True, ["name", "version", "description"])


def test_a_pipeline_tells_the_variables_that_a_run_may_set(client: RunnerClient) -> None:
    assert client.validate(SLOPPY)["env"] == {"REGION": "eu"}
