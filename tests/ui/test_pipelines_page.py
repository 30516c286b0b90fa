"""The page of the pipelines in a real browser, with a real runner whose models are the provider stand-in."""

import csv
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from quarterdeck_runner.demo.provider import create_app as create_stand_in
from quarterdeck_runner.demo.provider.settings import StandInSettings
from quarterdeck_ui.access.people import PasswordFile, Role
from quarterdeck_ui.queries import Store, pipeline_versions
from quarterdeck_ui.scope import Scope
from support import runner as runners
from support.accessibility import findings
from support.browser import PHONE, open_page, table_of
from support.collectors import CollectorProcess, wait_for
from support.dashboard import Dashboard, dashboard
from support.pipelines_page import ASK, Visit, accept, button, choose, top, written
from support.runner import Runner, eventually
from support.scenario import Run
from support.servers import serve

expect.set_options(timeout=30_000)

KEY = "opaque-key-of-team-a-0123456789"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    with serve(create_stand_in(StandInSettings(tokens_per_second=100_000, ttft=0))) as url:
        yield url


@pytest.fixture(scope="module")
def runner(home: CollectorProcess, stand_in: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    environment = {
        "ANTHROPIC_BASE_URL": stand_in,
        "ANTHROPIC_API_KEY": "key",
        "QUARTERDECK_ENDPOINT": home.otlp,
        "QUARTERDECK_KEY_STORE": "file",
        "QUARTERDECK_KEY_SECRET": "a secret of the operator",
        "QUARTERDECK_PROVIDER_URLS": stand_in,
    }
    with runners.process(tmp_path_factory.mktemp("runner"), environment) as (_, running):
        yield running


@pytest.fixture(scope="module")
def deck(home: CollectorProcess, runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    url = str(runner.http.base_url).rstrip("/")
    with dashboard(tmp_path_factory.mktemp("ui"), home.otlp, home.clickhouse, "--runner-url", url) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, deck: Dashboard) -> Iterator[Visit]:
    visits = Visit(browser, deck.url)
    yield visits
    for watched in visits.opened:
        assert watched.console_errors == [], watched.console_errors
        assert watched.foreign_requests == []
        watched.page.context.close()


def test_a_pipeline_is_found_mended_completed_laid_out_and_saved(visit: Visit, runner: Runner) -> None:
    file = runner.folder / "mend.yaml"
    file.write_text(ASK.format(name="mend").replace("type: claude", "type: claud"))
    page = visit()
    page.get_by_placeholder("Find a pipeline").fill("mend")
    page.keyboard.press("Enter")
    button(page, "mend").click()
    problems = page.get_by_role("list", name="Problems")
    expect(problems).to_contain_text("10:13step 'answer': there is no step type 'claud'")
    gutter = page.locator(".cm-lint-marker-error")
    expect(gutter).to_have_count(1)
    line = page.locator(".cm-lineNumbers .cm-gutterElement", has_text=re.compile("^10$"))
    assert top(gutter) == pytest.approx(top(line), abs=6)

    problems.get_by_role("button").click()
    expect(written(page, "mend")).to_be_focused()
    for _ in range(len("claud")):
        page.keyboard.press("Delete")
    page.keyboard.type("cla")
    expect(page.get_by_role("option", name="claude_smart")).to_be_visible()
    page.keyboard.type("ude_sm")
    accept(page, "claude_smart")
    expect(page.locator(".cm-line", has_text="type: claude_smart")).to_be_visible()
    page.keyboard.press("Control+End")
    page.keyboard.type("\n    - name: check\ntype: gemini\nmode")
    accept(page, "model")
    page.keyboard.type("gemini-3.8-f")
    accept(page, "gemini-3.8-flash")
    page.keyboard.type("\nprompt: Check {{ steps.")
    expect(page.get_by_role("option")).to_have_text(["answer"])
    accept(page, "answer")
    steps = page.get_by_role("navigation", name="Steps of the pipeline").get_by_role("button")
    expect(steps).to_have_text(["answerclaude_smart", "checkgemini"])
    expect(page.get_by_text("Can run")).to_be_visible()
    assert findings(page) == []

    page.get_by_text("Changes to the saved version").click()
    expect(page.locator('[data-testid="stExpanderDetails"] code')).to_contain_text("+      type: claude_smart")
    button(page, "Format").click()
    expect(page.locator(".cm-line", has_text="prompt: Check {{ steps.answer}}")).to_be_visible()
    written(page, "mend").click()
    page.keyboard.press("Control+f")
    expect(page.get_by_role("textbox", name="Find", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved mend.yaml.")).to_be_visible()
    saved = file.read_text()
    assert "type: claude_smart\n" in saved
    assert "      model: gemini-3.8-flash\n      prompt: Check {{ steps.answer}}\n" in saved
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(written(page, "mend")).not_to_be_focused()


def test_a_file_is_loaded_into_the_editor_and_another_pipeline_is_chosen(
    visit: Visit, runner: Runner, tmp_path: Path
) -> None:
    runner.pipeline(ASK.format(name="elsewhere"))
    mine = tmp_path / "mine.yaml"
    mine.write_text(ASK.format(name="loaded"))
    page = visit()
    button(page, "Load a file").click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(mine)
    button(page, "Open 'loaded' in the editor").click()
    expect(written(page, "loaded")).to_contain_text("name: loaded")
    expect(page.get_by_text("Can run")).to_be_visible()
    expect(button(page, "Save")).to_be_enabled()
    assert not (runner.folder / "loaded.yaml").exists()
    step = page.get_by_role("navigation", name="Steps of the pipeline").get_by_role("button", name="answer")
    step.click()
    expect(page.locator(".ed-foot")).to_contain_text("Line 9, column")
    expect(step).to_have_attribute("aria-current", "true")
    choose(page, "Pipeline", "elsewhere")
    expect(written(page, "elsewhere")).to_contain_text("name: elsewhere")
    choose(page, "Pipeline", "loaded (not saved yet)")
    expect(written(page, "loaded")).to_contain_text("name: loaded")


def test_nobody_overwrites_what_somebody_else_saved_and_a_draft_outlives_a_reload(visit: Visit, runner: Runner) -> None:
    file, text = runner.folder / "shared.yaml", ASK.format(name="shared")
    file.write_text(text)
    page = visit("&pipeline=shared&tab=edit")
    expect(written(page, "shared")).to_be_visible()
    written(page, "shared").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("# mine\n")
    expect(page.locator(".ed-state")).to_have_text("Not saved")
    expect(button(page, "Save")).to_be_enabled()
    theirs = text.replace("Ask for a word", "Ask for two words")
    file.write_text(theirs)
    page.reload()
    expect(page.locator(".cm-line").first).to_have_text("# mine")
    button(page, "Save").click()
    banner = page.locator(".st-key-conflict")
    expect(banner).to_contain_text("Nothing has been overwritten")
    expect(banner).to_contain_text("+# mine")
    assert findings(page) == []
    assert file.read_text() == theirs
    button(page, "Go on with mine").click()
    expect(banner).to_have_count(0)
    button(page, "Save").click()
    expect(page.get_by_text("Saved shared.yaml.")).to_be_visible()
    assert file.read_text() == f"# mine\n{text}"
    expect(page.locator(".ed-state")).to_have_text("Saved")


def test_typed_inputs_and_variables_start_a_run_whose_version_is_kept(
    visit: Visit, runner: Runner, store: Store
) -> None:
    typed = "    loud: {type: boolean, default: false}\n    more: {type: object, default: {}}\n  steps:"
    runner.pipeline(ASK.format(name="ask").replace("  steps:", typed))
    page = visit("&pipeline=ask&tab=run")
    button(page, "Start run").click()
    expect(page.get_by_text("Not started: word needs a value")).to_be_visible()
    page.get_by_role("textbox", name="word *").fill("tides")
    page.get_by_role("textbox", name="word *").press("Tab")
    page.get_by_text("loud", exact=True).click()
    page.get_by_role("textbox", name="more").fill('{"depth": [1]}')
    page.get_by_role("textbox", name="more").press("Tab")
    page.get_by_text("Environment, provider and model").click()
    choose(page, "Provider", "Claude")
    choose(page, "Model", "sonnet")
    page.get_by_role("textbox", name="REGION").fill("us")
    page.get_by_role("textbox", name="REGION").press("Tab")
    button(page, "Add a variable").click()
    page.get_by_role("textbox", name="Variable").fill("DB_PASSWORD")
    page.get_by_role("textbox", name="Variable").press("Tab")
    expect(page.get_by_label("Value", exact=True)).to_have_attribute("type", "password")
    button(page, "Preview").click()
    expect(page.locator("code", has_text="[[say:re tides 3 us]]tides")).to_be_visible()
    expect(page.get_by_text(re.compile("^answer: .*sonnet"))).to_be_visible()
    button(page, "Start run").click()
    link = page.get_by_role("link", name="Watch it on the deck")
    expect(link).to_have_attribute("href", re.compile("run="))
    run = runner.result(str(link.get_attribute("href")).partition("run=")[2])
    assert (run["inputs"], run["env"], run["output"]) == (
        {"word": "tides", "count": 3, "loud": True, "more": {"depth": [1]}},
        {"REGION": "us"},
        "re tides 3 us",
    )
    row = page.locator(f".st-key-run-row-{run['id']}")
    expect(row).to_contain_text("completed")
    slow = page.locator(f".st-key-run-row-{runner.start('ask', word='[[ttft:60]]')}")
    slow.get_by_role("button", name="Cancel").click()
    expect(slow).to_contain_text("cancelled")

    wait_for(lambda: pipeline_versions(store, "ask", Scope(), time.time_ns()))
    page.get_by_role("radio", name="Versions").click()
    expect(page.locator("code", has_text='"name": "ask"')).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    assert findings(page) == []


def test_a_key_is_set_tested_and_removed_and_never_shown(visit: Visit, runner: Runner, stand_in: str) -> None:
    page = visit("&tab=keys", PHONE)
    claude = page.locator(".st-key-provider-claude")
    claude.get_by_text("Set a key").click()
    claude.get_by_role("textbox", name="Name").fill("team-a")
    claude.get_by_label("Key", exact=True).fill(KEY)
    claude.get_by_role("textbox", name="Other address").fill(stand_in)
    claude.get_by_role("button", name="Keep the key").click()
    expect(page.get_by_text("The key 'team-a' of Claude is kept")).to_be_visible()
    mine = page.locator(".st-key-key-claude-team-a")
    mine.get_by_role("button", name="Test").click()
    expect(page.get_by_text("The key 'team-a' of Claude works")).to_be_visible()
    assert KEY not in page.content()
    assert KEY not in page.evaluate("[...document.querySelectorAll('input')].map((each) => each.value).join()")
    expect(page.locator(".st-key-key-claude-default").get_by_role("button", name="Remove")).to_be_disabled()
    mine.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The key 'team-a' of Claude is gone.")).to_be_visible()
    expect(mine).to_have_count(0)
    assert [each["profile"] for each in runner.http.get("/v1/providers").json()["providers"][0]["profiles"]] == [
        "default"
    ]


def test_a_file_of_rows_is_mapped_checked_run_repeated_and_exported(
    visit: Visit, runner: Runner, tmp_path: Path
) -> None:
    runner.pipeline(ASK.format(name="many").replace("[[say:re", "{{ inputs.mode }}[[say:re").replace(
        "    count:", '    mode: {type: string, default: ""}\n    count:'
    ))  # fmt: skip
    runner.result(runner.start("many", word="tides"))  # an answer, from which the length of others is foreseen
    rows = tmp_path / "words.csv"
    rows.write_text("term,how many,trouble\ntides,1,\nrain,2,[[errn:1:400]]\nsnow,3,\n")
    page = visit("&pipeline=many&tab=batch")
    page.locator("input[type=file]").set_input_files(rows)
    expect(page.get_by_text("words.csv: 3 rows, columns term, how many, trouble")).to_be_visible()
    choose(page, "word *", "term")
    choose(page, "mode", "trouble")
    choose(page, "count", "how many")
    button(page, "Check and preview").click()
    expect(page.get_by_text("3 rows fit:")).to_have_text(re.compile(r"likely (\$|< \$)[0-9.]+, at most \$[0-9.]+\.$"))
    expect(page.locator("code", has_text="[[say:re tides 1 eu]]tides")).to_be_visible()
    button(page, "Run 3 rows").click()
    head = page.locator(".st-key-batch-head")
    expect(head).to_contain_text("completed")
    expect(head).to_contain_text("many: words.csv")
    batch = re.search("batch=([^&]+)", page.url)
    assert batch
    path = f"/v1/batches/{batch[1]}"
    assert runner.http.get(path).json()["items"]["failed"] == 1
    expect(page.locator(".st-key-batch-numbers")).to_contain_text("Failed")
    button(page, "Run failed rows again").click()
    eventually(lambda: [each["attempts"] for each in runner.http.get(f"{path}/items").json()["items"]] == [1, 2, 1])
    expect(head).to_contain_text("completed")
    expect(page.get_by_text("3 of 3 rows")).to_be_visible()
    table = page.get_by_test_id("stDataFrame")

    def shown() -> list[tuple[str, str, str]]:
        return [(row["in: word"], row["status"], row["output"]) for row in table_of(page, table)]

    outputs = {"tides": "re tides 1 eu", "rain": "re rain 2 eu", "snow": "re snow 3 eu"}
    eventually(lambda: shown() == [(word, "✓ completed", said) for word, said in outputs.items()])
    with page.expect_download() as download:
        button(page, "CSV").click()
    with Path(download.value.path()).open(newline="") as file:
        found = [(row["line"], row["inputs.word"], row["inputs.count"]) for row in csv.DictReader(file)]
    assert found == [("2", "tides", "1"), ("3", "rain", "2"), ("4", "snow", "3")]
    with page.expect_download() as lines:
        button(page, "JSON lines").click()
    saved = [json.loads(line)["output"] for line in Path(lines.value.path()).read_text().splitlines()]
    assert saved == list(outputs.values())
    assert findings(page) == []


def test_a_new_pipeline_is_a_file_of_the_runner_and_its_batch_is_steered(
    visit: Visit, runner: Runner, tmp_path: Path
) -> None:
    page = visit()
    button(page, "New pipeline").click()
    page.get_by_role("textbox", name="Name").fill("brief")
    page.get_by_role("textbox", name="Name").press("Tab")
    button(page, "Begin").click()
    expect(written(page, "brief")).to_be_visible()
    expect(page.get_by_text("Can run")).to_be_visible()
    assert not (runner.folder / "brief.yaml").exists()
    button(page, "Save").click()
    expect(page.get_by_text("Saved brief.yaml.")).to_be_visible()
    listed = {each["name"]: each for each in runner.http.get("/v1/pipelines").json()["pipelines"]}
    assert (listed["brief"]["file"], listed["brief"]["runnable"]) == ("brief.yaml", True)

    page.get_by_role("radio", name="Batch").click()
    rows = tmp_path / "topics.jsonl"
    rows.write_text('{"topic": "[[ttft:2]]tides"}\n' * 40)
    page.locator("input[type=file]").set_input_files(rows)
    page.get_by_role("spinbutton", name="Items at once").fill("1")
    page.get_by_role("spinbutton", name="Items at once").press("Tab")
    button(page, "Run 40 rows").click()
    head = page.locator(".st-key-batch-head")
    expect(page.get_by_text(re.compile("^[0-9]+ of 40 rows, 1 running"))).to_be_visible()
    expect(page.get_by_text(re.compile("^[1-9][0-9]* of 40 rows, "))).to_be_visible()
    for action, status in (("Pause", "paused"), ("Resume", "running"), ("Stop", "stopped")):
        head.get_by_role("button", name=action, exact=True).click()
        expect(head).to_contain_text(status)
    batch = re.search("batch=([^&]+)", page.url)
    assert batch
    ended = runner.http.get(f"/v1/batches/{batch[1]}").json()
    assert (ended["status"], ended["items"]["total"], ended["items"]["completed"] < 40) == ("stopped", 40, True)
    expect(head.get_by_role("button", name="Stop")).to_have_count(0)
    assert findings(page) == []


def test_a_viewer_reads_a_pipeline_and_is_offered_nothing_that_the_server_would_refuse(
    browser: Browser, home: CollectorProcess, runner: Runner, tmp_path: Path
) -> None:
    file, text = runner.folder / "guarded.yaml", ASK.format(name="guarded")
    file.write_text(text)
    told = Run(home.otlp, "guarded", quiet=True, ago=60)
    call = told.call(told.step("ask", 1), "claude-haiku-4-5", "What is a tide?", system="Be brief.")
    told.end_call(call, "Water that comes and goes.", (5, 6))
    told.end()
    made = runner.http.post("/v1/runs", json={"pipeline": "guarded", "inputs": {"word": "tides"}}).json()
    people = PasswordFile(tmp_path / "ui-users")
    people.add("otto", Role.OPERATOR, KEY)
    flags = ("--ui-login", "password", "--runner-url", str(runner.http.base_url).rstrip("/"))
    with dashboard(tmp_path, home.otlp, home.clickhouse, *flags) as locked:
        watched = open_page(browser, f"{locked.url}/?view=pipelines&pipeline=guarded&tab=edit")
        page = watched.page
        page.get_by_label("Name").fill("otto")
        page.get_by_label("Password").fill(KEY)
        button(page, "Log in").click()
        written(page, "guarded").click()
        page.keyboard.press("Control+Home")
        page.keyboard.type("# mine\n")
        expect(button(page, "Save")).to_be_enabled()
        people.path.write_text(people.path.read_text().replace("operator", "viewer"))
        button(page, "Save").click()  # the page still offers it, the server refuses
        expect(page.get_by_text("You may look, not steer")).to_be_visible()
        assert file.read_text() == text
        expect(page.get_by_role("heading", name="Pipelines")).to_have_css("font-size", "20px")  # a toast takes no style
        expect(page.get_by_text("For reading: changing a pipeline takes the role operator.")).to_be_visible()
        expect(page.locator("code", has_text="description: Ask for a word")).to_be_visible()
        expect(written(page, "guarded")).to_have_count(0)
        for name in ("Save", "Format", "Discard changes"):
            expect(button(page, name)).to_have_count(0)
        page.get_by_role("radio", name="Run", exact=True).click()
        expect(page.get_by_text("Starting a run takes the role operator.")).to_be_visible()
        expect(button(page, "Preview")).to_be_visible()
        expect(button(page, "Start run")).to_have_count(0)
        button(page, "All pipelines").click()
        expect(button(page, "guarded")).to_be_visible()
        for name in ("New pipeline", "Load a file", "Run"):
            expect(button(page, name)).to_have_count(0)
        page.get_by_role("radio", name="Provider keys").click()
        expect(page.locator(".st-key-key-claude-default")).to_be_visible()
        for name in ("Test", "Remove", "Keep the key"):
            expect(button(page, name)).to_have_count(0)
        assert findings(page) == []
        tools = {
            "draft": ("Sending a draft", "Saving test data"),
            "experiment": ("Running an experiment", "Saving test data"),
            f"call&run={told.id}&span={call.id.hex()}": ("Sending a call",),
            f"replay&run={made['id']}": ("Replaying a run",),
        }
        for tool, acts in tools.items():
            page.goto(f"{locked.url}/?view=debugger&tool={tool}")
            for act in acts:
                expect(page.get_by_text(f"{act} takes the role operator.")).to_be_visible()
            for name in ("Send", "Run the experiment", "Save", "Propose", "Replay"):
                expect(button(page, name)).to_have_count(0)
        assert (watched.console_errors, watched.foreign_requests) == ([], [])
        page.context.close()
