"""Pipelines over REST: read, validate, save, delete; never over somebody else's change, never outside the folder."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from quarterdeck.runner_client import RunnerClient, RunnerError
from quarterdeck_runner.pipeline_files import file_for
from support.runner import PATIENCE, Runner

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


def text(name: str, value: str = "hello") -> str:
    return f"name: {name}\nsteps: [{{name: a, type: echo, value: {value}}}]\n"


@pytest.fixture
def client(runner: Runner) -> RunnerClient:
    return RunnerClient(str(runner.http.base_url), timeout_s=PATIENCE)


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["title"]


def test_read_change_save_run(runner: Runner, client: RunnerClient) -> None:
    made, first = client.save("Daily Brief", text("Daily Brief", "one"))
    assert (made["file"], made["runnable"], made["source"]) == ("daily_brief.yaml", True, text("Daily Brief", "one"))
    assert client.pipeline("Daily Brief") == (made, first)
    saved, second = client.save("Daily Brief", text("Daily Brief", "two"), first)
    assert (saved["source"], second != first) == (text("Daily Brief", "two"), True)
    assert (runner.folder / "daily_brief.yaml").read_text() == text("Daily Brief", "two")
    assert runner.result(client.start("Daily Brief")["id"])["output"] == "two"
    client.delete("Daily Brief", second)
    with pytest.raises(RunnerError, match="there is no pipeline 'Daily Brief'") as away:
        client.pipeline("Daily Brief")
    assert away.value.status == 404


def test_nothing_newer_is_overwritten(runner: Runner, client: RunnerClient) -> None:
    _, first = client.save("shared", text("shared", "one"))
    _, mine = client.save("shared", text("shared", "mine"), first)
    for change in (
        lambda: client.save("shared", text("shared", "yours"), first),
        lambda: client.delete("shared", first),
    ):
        with pytest.raises(RunnerError, match="somebody saved it meanwhile") as late:
            change()
        assert (late.value.status, late.value.problem["title"]) == (412, "The pipeline has changed")
    (runner.folder / "shared.yaml").write_text(text("shared", "by hand"))
    with pytest.raises(RunnerError, match="somebody saved it meanwhile"):
        client.save("shared", text("shared", "late"), mine)
    with pytest.raises(RunnerError, match="there is a pipeline of this name already"):
        client.save("shared", text("shared", "new"))
    assert (runner.folder / "shared.yaml").read_text() == text("shared", "by hand")


def test_a_change_must_say_what_it_changes(runner: Runner, client: RunnerClient) -> None:
    client.save("blind", text("blind"))
    answers = [
        runner.http.put("/v1/pipelines/blind", json={"source": text("blind")}),
        runner.http.delete("/v1/pipelines/blind"),
    ]
    assert [refused(answer) for answer in answers] == [(428, "The request must say what it changes")] * 2
    forced = runner.http.put("/v1/pipelines/blind", json={"source": text("blind", "x")}, headers={"if-match": "*"})
    assert forced.status_code == 200
    gone = runner.http.put("/v1/pipelines/gone", json={"source": text("gone")}, headers={"if-match": '"x"'})
    assert refused(gone) == (412, "The pipeline has changed")


def test_what_has_errors_is_saved_as_a_draft_only(client: RunnerClient) -> None:
    wrong = "name: wrong\nsteps: [{name: a, type: ecko}]\n"
    with pytest.raises(RunnerError) as refusal:
        client.save("wrong", wrong)
    assert (refusal.value.status, refusal.value.problem["title"]) == (422, "The pipeline has errors")
    assert [(each["line"], each["column"]) for each in refusal.value.problem["errors"]] == [(2, 25)]
    saved, _ = client.save("wrong", wrong, draft=True)
    assert saved["runnable"] is False
    assert next(each for each in client.pipelines() if each["name"] == "wrong")["diagnostics"] == saved["diagnostics"]


def test_validating_saves_nothing(runner: Runner, client: RunnerClient) -> None:
    before = sorted(runner.folder.iterdir())
    good, bad = client.validate(text("fine")), client.validate("name: bad\nsteps: [{name: a, type: bash}]")
    assert (good["runnable"], good["diagnostics"], bad["runnable"]) == (True, [], False)
    assert sorted(runner.folder.iterdir()) == before


@pytest.mark.parametrize(
    "name",
    ["../../etc/cron.d/x", "/etc/passwd", "..", "a/../../b", ".hidden", "C:\\..\\x", "%2e%2fx", "~root", "..."],
)
def test_no_name_leads_out_of_the_folder(runner: Runner, name: str) -> None:
    path = file_for(runner.folder, name)
    assert (path.parent, path.suffix, path.resolve().parent) == (runner.folder, ".yaml", runner.folder.resolve())
    assert path.stem.replace("_", "").isalnum()


def test_saving_replaces_a_link_and_never_what_it_leads_to(
    runner: Runner, client: RunnerClient, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(text("linked"))
    (runner.folder / "linked.yaml").symlink_to(outside)
    found = {each["file"]: each for each in client.pipelines()}["linked.yaml"]
    assert (found["runnable"], [each["message"] for each in found["diagnostics"]]) == (
        False, ["the file is a link that leads out of the folder: put the file itself here"]
    )  # fmt: skip
    assert runner.http.get("/v1/pipelines/linked").json()["source"] == ""
    client.save("linked", text("linked", "new"), "*")
    assert outside.read_text() == text("linked")
    assert (runner.folder / "linked.yaml").is_symlink() is False
    assert client.pipeline("linked")[0]["runnable"] is True


def test_a_link_inside_the_folder_is_a_pipeline(runner: Runner, client: RunnerClient) -> None:
    real = runner.folder / "..data"
    real.mkdir()
    (real / "mounted.yaml").write_text(text("mounted"))
    (runner.folder / "mounted.yaml").symlink_to(real / "mounted.yaml")
    assert client.pipeline("mounted")[0]["runnable"] is True


@pytest.mark.parametrize(
    ("source", "word"),
    [
        (BOMB + "name: bomb\nsteps: [{name: a, type: echo, value: x}]\n", "are aliases nested?"),
        ("name: bomb\nsteps: &s [{name: a, type: echo, value: *s}]\n", ""),
        ("x: " + "[" * 5000, "nested deeper than"),
        ("x: [" + "y, " * 60_000 + "]", "has more than 50000 values"),
        ("name: bomb\nsteps: !!python/object/apply:os.system ['true']\n", "tag"),
        ("# " + "x" * (1 << 20) + "\n" + text("bomb"), "larger than 1048576 characters"),
    ],
)
def test_bombs_are_refused_with_a_diagnosis(client: RunnerClient, source: str, word: str) -> None:
    found = client.validate(source)
    assert found["runnable"] is False
    assert word in "; ".join(each["message"] for each in found["diagnostics"])


def test_the_text_must_be_of_the_pipeline(runner: Runner) -> None:
    answer = runner.http.put("/v1/pipelines/this", json={"source": text("that")})
    assert refused(answer) == (422, "The text is another pipeline")


def test_two_names_that_make_one_file(client: RunnerClient) -> None:
    client.save("Two Words", text("Two Words"))
    with pytest.raises(RunnerError, match=r"there is a file two_words\.yaml already") as taken:
        client.save("two words", text("two words"))
    assert taken.value.status == 409


def test_pages_of_pipelines(runner: Runner, client: RunnerClient) -> None:
    for number in range(4):
        client.save(f"paged {number}", text(f"paged {number}"))
    listed: list[Any] = []
    cursor = None
    while not listed or cursor:
        page = runner.http.get("/v1/pipelines", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        listed += page["pipelines"]
        cursor = page["next_cursor"]
    assert listed == client.pipelines()
    assert len(listed) > 3
