"""The description of the interface is whole: every operation, request and answer, errors included."""

from typing import Any, get_type_hints

import pytest

from quarterdeck import runner_types
from quarterdeck_runner.app import create_app
from quarterdeck_runner.settings import Settings

DOCUMENT = create_app(Settings()).openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
TYPES = {
    "Run": runner_types.Run,
    "Origin": runner_types.Origin,
    "Input": runner_types.Input,
    "StepSummary": runner_types.StepSummary,
    "DiagnosticModel": runner_types.Diagnostic,
    "PipelineModel": runner_types.Pipeline,
    "PipelineWithSource": runner_types.PipelineWithSource,
    "ProfileModel": runner_types.KeyProfile,
    "ProviderModel": runner_types.ProviderState,
    "KeyStoreModel": runner_types.KeyStoreState,
    "ProviderList": runner_types.ProviderList,
    "KeyVerdict": runner_types.KeyVerdict,
    "KnownModel": runner_types.KnownModel,
    "Language": runner_types.Language,
    "DryRun": runner_types.DryRun,
    "StepModel": runner_types.RenderedStep,
    "CallModel": runner_types.RenderedCall,
    "PartModel": runner_types.PromptPart,
    "PredictionModel": runner_types.Prediction,
    "EstimateModel": runner_types.Estimate,
    "BatchModel": runner_types.Batch,
    "Items": runner_types.BatchItems,
    "Checked": runner_types.BatchCheck,
    "ItemModel": runner_types.BatchItem,
    "ItemPage": runner_types.BatchItemPage,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operation_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content.get("example") or content.get("examples")


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_answer_has_an_example_and_errors_are_problems(name: str) -> None:
    for code, response in OPERATIONS[name]["responses"].items():
        assert response["description"]
        if code == "204" or (name == "GET /readyz" and code == "503"):
            continue
        content = response["content"]
        if code.startswith("2"):
            assert all("example" in each or "examples" in each for each in content.values()), code
        else:
            assert list(content) == ["application/problem+json"], code
            example = content["application/problem+json"]["example"]
            assert example["status"] == int(code)
            assert set(example) >= {"type", "title", "detail"}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if "/v1/" in name])
def test_what_every_operation_of_version_1_may_answer(name: str) -> None:
    operation = OPERATIONS[name]
    assert {"400", "401", "403", "421", "422", "500", "503"} <= set(operation["responses"])
    assert operation["security"] == [{"token": []}, {}]
    if "requestBody" in operation:
        assert {"408", "413"} <= set(operation["responses"])


def test_posts_take_idempotency_keys() -> None:
    taking = {
        name
        for name, operation in OPERATIONS.items()
        if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", []))
    }
    posts = {name for name in OPERATIONS if name.startswith("POST /v1/")}
    assert taking == posts - {"POST /v1/heartbeats", "POST /v1/pipelines/validate", "POST /v1/language/format"}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name in {"GET /v1/runs", "GET /v1/pipelines"}])
def test_lists_come_in_pages(name: str) -> None:
    assert {"limit", "cursor"} <= {each["name"] for each in OPERATIONS[name]["parameters"]}


@pytest.mark.parametrize("name", TYPES)
def test_the_client_knows_the_fields(name: str) -> None:
    assert set(get_type_hints(TYPES[name])) == set(DOCUMENT["components"]["schemas"][name]["properties"])


def test_nothing_of_the_framework_is_left() -> None:
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]
