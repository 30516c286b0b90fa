"""Loops, nested pipelines and limits, run by the runner against the provider stand-in."""

import json

import httpx

from support.runner import Runner


def asked(stand_in: str, word: str) -> int:
    """How often a prompt with this word was sent."""
    return sum(word in json.dumps(each["body"]) for each in httpx.get(f"{stand_in}/__requests").json())


def test_a_pause_takes_effect_inside_a_loop_and_nothing_is_done_twice(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: pausing_inside
  variables: {sum: 0}
  steps:
    - name: each
      type: for_loop
      data_source: [1, 2, 3]
      steps:
        - {name: ask, type: claude, prompt: "[[n:30]][[delay:0.02]] inside-{{ item }}"}
        - {name: add, type: set_variable, variables: {sum: "{{ sum + item }}"}}
    - {name: end, type: echo, value: "{{ sum }}"}
""")
    run_id = runner.start(name)
    runner.until(run_id, current_step="each")
    runner.tell(run_id, "pause")
    paused = runner.until(run_id, status="paused")
    assert paused["steps_done"] == 0
    assert asked(stand_in, "inside-3") == 0
    runner.tell(run_id, "resume")
    assert runner.result(run_id)["output"] == 6
    assert [asked(stand_in, f"inside-{number}") for number in (1, 2, 3)] == [1, 1, 1]


def test_a_loop_that_is_tried_again_repeats_only_what_failed(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: again_inside
  steps:
    - name: each
      type: for_loop
      data_source: ["[[say:a]] anew-in-loop-a", "[[errn:1:400]][[say:b]] anew-in-loop-b"]
      retry: {max_attempts: 2, interval: 1ms}
      steps: [{name: ask, type: claude, prompt: "{{ item }}"}]
    - {name: end, type: echo, value: "{{ each.iterations[1].results.ask }}"}
""")
    assert runner.result(runner.start(name))["output"] == "b"
    assert [asked(stand_in, f"anew-in-loop-{word}") for word in "ab"] == [1, 2]


def test_what_fails_inside_names_its_own_file_and_line(runner: Runner) -> None:
    (runner.folder / "failing_child.yaml").write_text(
        "workflow:\n  name: failing_child\n  steps:\n    - {name: deep, type: claude, prompt: '[[error:400]]'}\n"
    )
    name = runner.pipeline("""
workflow:
  name: failing_inside
  steps:
    - name: each
      type: for_loop
      data_source: [1]
      steps: [{name: go, type: pipeline, pipeline_file: failing_child.yaml}]
""")
    run = runner.result(runner.start(name))
    assert run["status"] == "failed"
    assert run["error"].startswith("failing_child.yaml:4: step 'deep': Claude answered 400: ")


def test_a_run_that_has_cost_enough_starts_no_further_call(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: dear
  max_cost_usd: 0.0001
  steps:
    - {name: one, type: claude, prompt: "[[n:100]] dear-one"}
    - {name: free, type: echo, value: "{{ length(one) }}"}
    - {name: two, type: claude, prompt: "[[n:100]] dear-two"}
""")
    run = runner.result(runner.start(name))
    assert (run["status"], run["steps_done"]) == ("failed", 2)
    assert run["error"] == (
        "dear.yaml:8: step 'two': the run has cost $0.0010, and `max_cost_usd` is $0.0001: no further call"
    )
    assert (asked(stand_in, "dear-one"), asked(stand_in, "dear-two")) == (1, 0)


def test_what_a_failed_block_has_cost_counts(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline("""
workflow:
  name: dear_inside
  max_cost_usd: 0.0001
  steps:
    - name: each
      type: for_loop
      continue_on_error: true
      data_source: ["[[n:100]]", "[[error:400]]"]
      steps: [{name: ask, type: claude, prompt: "{{ item }}"}]
    - {name: two, type: claude, prompt: "[[n:100]] dear-after"}
""")
    run = runner.result(runner.start(name))
    assert "no further call" in run["error"]
    assert asked(stand_in, "dear-after") == 0


def test_a_block_may_take_so_long_and_no_longer(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: slow_inside
  steps:
    - name: forever
      type: while_loop
      condition: "true"
      max_iterations: 1000
      timeout: 300ms
      steps: [{name: ask, type: claude, prompt: "[[n:3]][[delay:0.05]]"}]
""")
    run = runner.result(runner.start(name))
    assert (run["status"], run["error"]) == (
        "failed",
        "slow_inside.yaml:5: step 'forever': it was not done within 0.3 s",
    )


def test_a_nested_pipeline_runs_so_many_steps_and_no_more(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: many_inside
  steps:
    - name: child
      type: pipeline
      config: {max_total_steps: 5}
      pipeline:
        steps:
          - {name: each, type: for_loop, data_source: [1, 2, 3, 4, 5, 6], steps: [{name: a, type: echo, value: x}]}
""")
    run = runner.result(runner.start(name))
    assert run["error"] == (
        "many_inside.yaml:10: step 'each': the pipeline of step 'child' runs more than 5 steps: raise max_total_steps"
    )


def test_what_is_no_list_is_not_gone_through(runner: Runner) -> None:
    name = runner.pipeline("""
workflow:
  name: no_list
  steps:
    - {name: text, type: claude, prompt: "[[say:just words]]"}
    - {name: each, type: for_loop, data_source: text, steps: [{name: a, type: echo, value: x}]}
""")
    run = runner.result(runner.start(name))
    assert run["error"] == "no_list.yaml:6: step 'each': the loop needs a list, and 'text' is 'just words'"
