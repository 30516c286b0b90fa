"""Which files prompts may name: those of the project that the pipeline is in, wherever links lead; none hidden."""

from pathlib import Path

import pytest

from quarterdeck_runner.files import FileError, read_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline's folder with good files in it, and secrets around it."""
    found = tmp_path / "project" / "pipelines"
    (found / "prompts").mkdir(parents=True)
    (found / "prompts" / "good.txt").write_text("good")
    (found.parent / "shared.txt").write_text("shared")
    (found.parent / ".env").write_text("ANTHROPIC_API_KEY=x")
    (tmp_path / "outside.txt").write_text("outside")
    (found / "link.txt").symlink_to(tmp_path / "outside.txt")
    (found / "inner.txt").symlink_to(found / "prompts" / "good.txt")
    monkeypatch.chdir(found.parent)
    return found


@pytest.mark.parametrize(
    ("written", "text"),
    [("prompts/good.txt", "good"), ("inner.txt", "good"), ("../shared.txt", "shared"), ("shared.txt", "shared")],
)
def test_files_that_prompts_may_name(folder: Path, written: str, text: str) -> None:
    assert read_file(written, folder, folder / "out", templated=False) == text


@pytest.mark.parametrize("templated", [True, False])
@pytest.mark.parametrize("written", ["../../outside.txt", "link.txt", "/etc/passwd", "../.env", ".env"])
def test_files_that_they_may_not(folder: Path, written: str, *, templated: bool) -> None:
    with pytest.raises(FileError, match="is outside the pipeline's folder and the one above it, or hidden: "):
        read_file(written, folder, folder / "out", templated=templated)


def test_a_runner_that_was_started_at_the_root_does_not_offer_the_whole_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    with pytest.raises(FileError, match="put it beside the pipeline"):
        read_file("etc/passwd", folder, folder / "out", templated=False)
