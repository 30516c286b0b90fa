"""What pipelines cannot do: leave their folders, multiply without bound, turn answers into templates."""

import asyncio
import contextlib
import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck_runner import transform
from quarterdeck_runner.compose import MAX_PROMPT_CHARACTERS, Folders, PromptError, compose
from quarterdeck_runner.conditions import combined, compute
from quarterdeck_runner.expressions import ExpressionError, Reference, Segment, parse, references
from quarterdeck_runner.extraction import extracted
from quarterdeck_runner.file_operations import operate
from quarterdeck_runner.files import FileError, write_output
from quarterdeck_runner.keys import Keys
from quarterdeck_runner.providers import Answer, ModelCall, Providers
from quarterdeck_runner.scope import Scope, walk
from quarterdeck_runner.spec import Extraction, Operation, Part, Pipeline, Transform
from quarterdeck_runner.steps import Work, attempt
from quarterdeck_runner.template import as_text, render, render_value, source_tree
from quarterdeck_runner.vocabulary import AGGREGATES, FORMATS, OPERATIONS, POST_PROCESSING
from support.runner import read

PIPELINE = Pipeline("test", "1", "", Path("test.yaml"), (), {}, "", ())


def scope(**inputs: Any) -> Scope:
    return Scope(PIPELINE, "run", 0, inputs)


def inside(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


words = st.sampled_from(["..", ".", "a", "b.txt", "", "/", "out", "~", "a b", "-x", "ä"])
paths = st.one_of(st.lists(words, max_size=5).map("/".join), st.text(max_size=30))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(paths)
def test_results_stay_in_their_folder_whatever_their_name(tmp_path: Path, name: str) -> None:
    outputs = tmp_path / "outputs"
    try:
        written = write_output("x", name, outputs)
    except (FileError, ValueError):
        pass
    else:
        assert written.resolve().is_relative_to(outputs.resolve())
    assert {PurePosixPath(path).parts[0] for path in inside(tmp_path)} <= {"outputs"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["copy", "move", "delete", "convert"]), paths, paths)
def test_file_operations_change_nothing_outside_the_workspace(tmp_path: Path, kind: str, one: str, two: str) -> None:
    pipeline, outputs = tmp_path / "pipeline", tmp_path / "outputs"
    for path in (pipeline / "a", pipeline / "b.txt", tmp_path / "secret.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("[]")
    options = {"source": one, "destination": two, "path": one, "format": "json_to_yaml"}
    with contextlib.suppress(FileError, ValueError):
        operate(kind, options, Folders(pipeline, outputs))
    found = inside(tmp_path)
    assert {"pipeline/a", "pipeline/b.txt", "secret.txt"} <= found
    assert {path for path in found if not path.startswith("outputs/workspace/")} == {
        "pipeline/a",
        "pipeline/b.txt",
        "secret.txt",
    }


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    outputs, pipeline, secret = tmp_path / "outputs", tmp_path / "pipeline", tmp_path / "secret"
    workspace = outputs / "workspace"
    for folder in (workspace, pipeline, secret):
        folder.mkdir(parents=True)
    (secret / "key.txt").write_text("key")
    (workspace / "link").symlink_to(secret)
    (outputs / "out").symlink_to(secret)
    (pipeline / "key.txt").symlink_to(secret / "key.txt")
    folders = Folders(pipeline, outputs)
    for kind, options in (
        ("copy", {"source": "link/key.txt", "destination": "x"}),
        ("copy", {"source": "key.txt", "destination": "x"}),
        ("copy", {"source": "link", "destination": "link/y"}),
        ("move", {"source": "link/key.txt", "destination": "x"}),
        ("delete", {"path": "link/key.txt"}),
        ("list", {"path": "link", "pattern": "*"}),
    ):
        with pytest.raises(FileError):
            operate(kind, options, folders)
    assert operate("list", {"path": ".", "pattern": "**/*"}, folders)["files"] == []
    with pytest.raises(FileError, match="leads out of the output folder"):
        write_output("x", "out/y.txt", outputs)
    assert inside(secret) == {"key.txt"}


def test_a_prompt_of_ten_megabytes_is_refused(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.txt").write_text("x" * 5_000_000)
    parts = tuple(Part("file", f"{number}.txt") for number in range(2))
    with pytest.raises(PromptError, match=f"10000001 characters, and at most {MAX_PROMPT_CHARACTERS} are sent"):
        compose(parts, scope(), Folders(tmp_path, tmp_path / "out"))
    (tmp_path / "big.txt").write_text("x" * 10_000_000)
    with pytest.raises(FileError, match="larger than"):
        compose((Part("file", "big.txt"),), scope(), Folders(tmp_path, tmp_path / "out"))


def test_a_yaml_file_with_aliases_is_not_converted(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    (tmp_path / "bomb.yaml").write_text(bomb)
    options = {"source": "bomb.yaml", "destination": "x.json", "format": "yaml_to_json"}
    with pytest.raises(FileError, match="aliases are not followed"):
        operate("convert", options, Folders(tmp_path, tmp_path / "out"))


class Spoken(Providers):
    """Says what it is told to, and keeps what it was asked."""

    def __init__(self, text: str) -> None:
        super().__init__(Keys({}))
        self.text, self.asked = text, list[str]()

    async def ask(self, call: ModelCall) -> Answer:
        self.asked.append(str(call.prompt))
        return Answer(self.text, call.model, "stop")


answers = st.sampled_from(["{{ inputs.secret }}", "{{ steps.one }}", "{{ 1 + 1 }}", "[{{ inputs.secret }}]", "}}{{"])


@settings(deadline=None)
@given(st.lists(answers, min_size=1, max_size=4).map(" ".join))
def test_answers_are_never_templates(answer: str) -> None:
    found = read("""
name: x
steps:
  - {name: one, type: claude, prompt: start}
  - {name: keep, type: set_variable, variables: {kept: "{{ one }}", map: {"in": "<{{ one }}>"}}}
  - name: two
    type: claude
    prompt: [{type: previous_response, step: one}, "{{ one }}|{{ kept }}|{{ map.in }}|{{ steps.one.text }}"]
""")
    values, folders, models = scope(secret="s3cret"), Folders(Path(), Path("nowhere")), Spoken(answer)

    async def run() -> None:
        for step in found.pipeline.steps:
            values.finished(step.name, await attempt(step, Work(values, folders, models)))

    asyncio.run(run())
    assert models.asked[1] == f"{answer}\n{answer}|{answer}|<{answer}>|{answer}"


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abn"), inner, max_size=3),
    max_leaves=8,
)


def lookup_in(values: dict[str, Any]) -> Any:
    def lookup(path: tuple[Segment, ...]) -> Any:
        return walk(values, path)

    return lookup


@given(plain)
def test_a_value_goes_through_a_template_unchanged(value: Any) -> None:
    lookup = lookup_in({"v": value})
    assert render_value({"x": ["{{ v }}"]}, lookup) == {"x": [value]}
    assert "".join(piece.text for piece in render("<{{ v }}>", lookup)) == f"<{as_text(value)}>"


@given(plain)
def test_a_literal_without_templates_stays_itself(value: Any) -> None:
    assert render_value(value, lookup_in({})) == value


expressions = st.recursive(
    st.sampled_from(["a", "b.c", "1", "2.5", "'x'", "true", "null", "a[0].n"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "==", "<", "and", "or", "contains"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda each: f"(not ({each}))"),
        st.tuples(st.sampled_from(["length", "sum", "max", "trim"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
    ),
    max_leaves=10,
)


@given(expressions)
def test_an_expression_refers_to_what_it_looks_up(text: str) -> None:
    """The check before a run knows every name that the run may ask for."""
    tree, looked_up = parse(text), set[tuple[Segment, ...]]()

    def lookup(path: tuple[Segment, ...]) -> Any:
        looked_up.add(path)
        return 1

    with contextlib.suppress(ExpressionError):
        compute(tree, lookup)
    assert looked_up <= {each.path for each in references(tree)}
    assert parse(f"{{{{ {text} }}}}") == tree
    assert combined([text, text]) == combined({"and": [text, text]})


@given(st.text(max_size=40))
def test_any_text_is_a_source_of_data_or_an_error(text: str) -> None:
    try:
        tree = source_tree(text)
    except ExpressionError:
        return
    assert all(isinstance(each, Reference) for each in references(tree))


operations = st.builds(
    lambda kind, field, function, order: Operation(
        kind,
        {
            "field": field,
            "function": function,
            "order": order,
            "condition": parse("n > 1 or item == 2"),
            "mapping": {"1": "one"},
            "left_field": "n",
            "right_source": [{"n": 1, "b": "joined"}],
            "join_key": "n",
        },
    ),
    st.sampled_from(OPERATIONS),
    st.sampled_from(["", "n", "a", "a.n", "a.b.n"]),
    st.sampled_from(AGGREGATES),
    st.sampled_from(["asc", "desc"]),
)


@given(plain, st.lists(operations, max_size=3))
def test_a_transformation_gives_data_or_says_why_not(value: Any, chosen: list[Operation]) -> None:
    before = repr(value)
    with contextlib.suppress(ExpressionError):
        transform.transformed(Transform([value], tuple(chosen)), lookup_in({}))
    assert repr(value) == before


@given(st.text(max_size=200), st.sampled_from(FORMATS), st.lists(st.sampled_from(POST_PROCESSING), max_size=3))
def test_an_extraction_never_fails(text: str, form: str, post: list[str]) -> None:
    found = extracted(text, Extraction(form, tuple(post), 20))
    assert isinstance(found["text"], str)
    if form == "summary":
        assert len(found["text"]) <= 20


def test_a_pipeline_sees_no_variable_that_it_does_not_declare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "QUARTERDECK_TEST_OTHER", "hidden")
    monkeypatch.setitem(os.environ, "QUARTERDECK_TEST_OWN", "seen")
    found = read("name: x\nenv: {QUARTERDECK_TEST_OWN: default, OTHER: default}\nsteps: [{name: a, type: echo}]")
    values = Scope(found.pipeline, "run", 0, {})
    text = "{{ env.QUARTERDECK_TEST_OWN }} {{ env.OTHER }} {{ env.QUARTERDECK_TEST_OTHER }}"
    assert "".join(each.text for each in render(text, values.lookup)) == (
        "seen default {{ env.QUARTERDECK_TEST_OTHER }}"
    )
