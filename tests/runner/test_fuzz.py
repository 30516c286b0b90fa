"""The whole interface, as its description has it, against whatever may come: no request makes the runner fail."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from quarterdeck_runner.key_stores import SECRET_VARIABLE
from support.runner import process

EXAMPLES = 16
HELLO = "name: hello\nsteps: [{name: a, type: echo, value: hello}]\n"
KNOWN: dict[str, str] = {}
"""What there is, by the name of its path parameter."""
WORDS = {"pipeline": "hello", "source": HELLO}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory, provider_environment: dict[str, str]) -> Iterator[Any]:
    """The description of a runner that answers."""
    data = tmp_path_factory.mktemp("fuzzed")
    environment = {**provider_environment, SECRET_VARIABLE: "a secret of the operator"}
    with process(data, environment) as (running, runner):
        runner.pipeline(HELLO)
        run_id = runner.start("hello")
        runner.result(run_id)
        KNOWN.update(name="hello", run_id=run_id)
        yield schemathesis.openapi.from_url(f"{runner.http.base_url}/openapi.json")
        assert running.poll() is None


def test_no_request_makes_the_runner_fail(described: Any) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    assert operations
    for operation in operations:
        fuzz(operation)


def fuzz(operation: Any) -> None:
    """Ask for one operation in many ways, valid and not; the same ones each time."""

    @seed(20261124)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        known=strategies.booleans(),
    )
    def ask(case: Any, *, known: bool) -> None:
        if known:  # else few words would ever hit something that is there
            case.path_parameters.update({name: KNOWN[name] for name in KNOWN if name in case.path_parameters})
            if isinstance(case.body, dict):
                case.body.update({name: value for name, value in WORDS.items() if name in case.body})
        case.call_and_validate(checks=CHECKS)

    ask()
