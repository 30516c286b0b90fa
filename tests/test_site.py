"""The documentation site builds, asks nobody else for anything, and says nothing that does not work."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_collector.settings import Settings as CollectorSettings
from quarterdeck_runner.demo.provider import create_app as create_stand_in
from quarterdeck_runner.demo.provider.settings import StandInSettings
from quarterdeck_runner.validate import validate
from support.blocks import at_these_ports, blocks_of, pipeline_file
from support.collectors import CollectorProcess, collector, wait_for
from support.servers import serve
from support.shell import unknown_words

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "site"
sys.path.insert(0, str(ROOT / "docs" / "generate"))

import rest  # type: ignore[import-not-found]  # noqa: E402 - found by the path above only
import settings  # type: ignore[import-not-found]  # noqa: E402 - as above
import sizing  # type: ignore[import-not-found]  # noqa: E402 - as above

BLOCKS = [
    (page.relative_to(PAGES).as_posix(), *block) for page in sorted(PAGES.rglob("*.md")) for block in blocks_of(page)
]
ROUTES = {
    (method.upper(), path)
    for document in rest.documents().values()
    for path, item in document["paths"].items()
    for method in item
}
OF_THE_SDK = {"QUARTERDECK_CAPTURE", "QUARTERDECK_ENDPOINT", "QUARTERDECK_TOKEN"}
VARIABLES = set(re.findall(r"QUARTERDECK_\w+", settings.page())) | OF_THE_SDK
RUN = [(page, text) for page, language, text in BLOCKS if language == "python"]
SQL = [(page, text) for page, language, text in BLOCKS if language == "sql"]
FOREIGN = re.compile(
    r"""<(?:script|img|iframe|link|source)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import\s+["'](?:https?:)?//"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with collector(tmp_path_factory.mktemp("told") / "data") as process:
        yield process


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    with serve(create_stand_in(StandInSettings(tokens_per_second=100_000, ttft=0))) as url:
        yield url


def _environment(**more: str) -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, "NO_MKDOCS_2_WARNING": "1", **more}


def _ports(running: CollectorProcess) -> dict[str, int]:
    return {
        name: int(url.rpartition(":")[2])
        for name, url in (("otlp-http", running.otlp), ("clickhouse", running.clickhouse))
    }


def test_every_page_is_in_the_site_and_none_asks_another_host(site: Path) -> None:
    made = {path.relative_to(site).with_suffix(".md").as_posix() for path in site.rglob("*.html")}
    written = {path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.md")}
    assert made - {"404.md"} == written | {
        f"reference/{name}.md" for name in ("settings", "schema", "collector-api", "runner-api")
    }
    asking = [
        path.name for kind in ("html", "css") for path in site.rglob(f"*.{kind}") if FOREIGN.search(path.read_text())
    ]
    assert asking == []


def test_the_reference_holds_every_public_name(site: Path) -> None:
    import quarterdeck as qd

    page = (site / "reference" / "python.html").read_text()
    assert [name for name in qd.__all__ if f'id="quarterdeck.{name}"' not in page] == []


def test_every_block_is_of_a_language_that_is_tried() -> None:
    assert {language for _, language, _ in BLOCKS} == {"bash", "python", "sql", "yaml"}


@pytest.mark.parametrize("page", sorted({page for page, _ in RUN}))
def test_python_runs_as_it_is_shown(page: str, running: CollectorProcess, stand_in: str) -> None:
    """All blocks of a page in a process each, at the same time."""
    environment = _environment(QUARTERDECK_ENDPOINT=running.otlp, ANTHROPIC_BASE_URL=stand_in, ANTHROPIC_API_KEY="key")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", at_these_ports(text, _ports(running))],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name, text in RUN if name == page
    ]  # fmt: skip
    for process in started:
        said, trouble = process.communicate(timeout=120)
        assert (process.returncode, "problem" in trouble) == (0, False), trouble
        assert said or "print(" not in str(process.args)


@pytest.mark.parametrize(("page", "text"), SQL, ids=[page for page, _ in SQL])
def test_queries_find_what_the_pages_told(page: str, text: str, running: CollectorProcess, stand_in: str) -> None:
    if "'reading'" in text:
        test_python_runs_as_it_is_shown(page, running, stand_in)
    assert wait_for(lambda: running.sql(text))


@pytest.mark.parametrize(
    ("page", "text"),
    [(page, text) for page, language, text in BLOCKS if language == "bash"],
    ids=lambda value: value[:30],
)
def test_commands_options_and_routes_are_there(page: str, text: str) -> None:
    assert unknown_words(text, ROUTES, VARIABLES) == [], page


@pytest.mark.parametrize("text", [text for _, language, text in BLOCKS if language == "yaml"])
def test_pipelines_have_no_problem(text: str, tmp_path: Path) -> None:
    assert list(validate(text, tmp_path / pipeline_file(text)).diagnostics) == []


def test_words_in_the_text_that_name_variables_and_tests_are_right() -> None:
    texts = {page: page.read_text() for page in PAGES.rglob("*.md")}
    said = {name for text in texts.values() for name in re.findall(r"\bQUARTERDECK_\w+", text)}
    assert said - VARIABLES == set()
    tests = {found for text in texts.values() for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)}
    assert len(tests) > 10
    assert [name for file, name in tests if f"def {name}(" not in (ROOT / file).read_text()] == []


def test_each_threat_of_the_security_model_is_answered_by_a_test() -> None:
    text = (PAGES / "operations" / "security.md").read_text()
    table = text.partition("| threat | answer | test |\n|---|---|---|\n")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len(cells) > 15
    assert [row for row in cells if len(row) != 3 or "`tests/" not in row[2]] == []


def test_a_load_needs_what_the_measured_constants_say() -> None:
    value = {name: entry["value"] for name, entry in sizing.CONSTANTS.items()}
    day = value["spans_a_second"] * 86_400 / value["peak_to_mean"]  # at its peak one collector stores all that it can
    need = sizing.machine_for(day)
    assert need.memory_gb * 1000 == pytest.approx(value["ingest_peak_mb"])
    fed, busy = value["fed_cores"], value["spans_a_second"] * value["cpu_us_per_span"] / 1e6
    assert need.cores == pytest.approx((fed + busy) / value["busy_share"])
    twice, none = sizing.machine_for(2 * day), sizing.machine_for(0)
    assert twice.cores - need.cores == pytest.approx(need.cores - none.cores)
    assert (twice.disk_gb, none.disk_gb) == (pytest.approx(2 * need.disk_gb), 0)
    defaults = CollectorSettings.model_fields
    assert (value["keep_days"], value["keep_payloads_days"]) == (
        defaults["keep_days"].default,
        defaults["keep_payloads_days"].default,
    )
