"""The pipelines that experiments write."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_runner.experiments import Variant, source_of
from quarterdeck_runner.validate import validate


@given(st.text(min_size=1).filter(lambda text: text.strip()), st.text(), st.sampled_from(["haiku", "gemini-3.8-flash"]))
@settings(max_examples=60, deadline=None)
def test_the_pipeline_of_an_experiment_asks_what_was_written(prompt: str, system: str, model: str) -> None:
    read = validate(source_of("x", Variant("v", prompt, system), model, {}), Path("experiment.yaml"))
    assert [each for each in read.diagnostics if each.severity == "error"] == []
    (step,) = read.pipeline.steps
    assert step.call is not None
    parts = [part.text for part in step.call.prompt]
    # The format has no system prompt for Gemini.
    apart, before = (system, []) if model == "haiku" else ("", [system] if system else [])
    assert (step.call.system, parts) == (apart, [*before, prompt])
