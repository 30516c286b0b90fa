"""Names of models: short names, successors of those that were switched off, presets; all from ``models.yaml``."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import yaml

Provider = Literal["claude", "gemini"]


@dataclass(frozen=True)
class Chosen:
    """A model to ask.

    Args:
        name: id that the provider knows.
        warning: what the author should know about the name they wrote; empty if nothing.
    """

    name: str
    warning: str = ""


@dataclass(frozen=True)
class Preset:
    """What a preset of ``claude_smart`` and its kin sets."""

    model: str
    timeout_s: float
    system_prompt: str
    fallback: str = ""


@functools.cache
def _data() -> Mapping[str, Any]:
    text = resources.files("quarterdeck_runner").joinpath("models.yaml").read_text("utf-8")
    data: Mapping[str, Any] = yaml.safe_load(text)
    return data


def default_model(provider: Provider) -> str:
    """The model of a step that names none."""
    return str(_data()["default"][provider])


def choose(written: str) -> Chosen:
    """Give the id of the model that a pipeline asks for.

    Args:
        written: the name in the pipeline: an id or a short name.
    """
    data = _data()
    name = written.removeprefix("models/")
    if name in data["aliases"]:
        return Chosen(data["aliases"][name])
    if name in data["replaced"]:
        successor = data["replaced"][name]
        return Chosen(successor, f"the model '{name}' was switched off; '{successor}' is asked instead: name it")
    if name in data["ending"]:
        ending = data["ending"][name]
        return Chosen(name, f"the model '{name}' ends on {ending['ends']}: move to '{ending['successor']}'")
    return Chosen(name)


@functools.cache
def names(provider: Provider) -> frozenset[str]:
    """Every name of a model of a provider that the data file knows."""
    data = _data()
    successors = [each["successor"] for each in data["ending"].values()]
    presets = [each["model"] for each in data["presets"].values()]
    known = [*data["aliases"], *data["aliases"].values(), *data["replaced"].values(), *data["ending"], *successors]
    known += [*data["default"].values(), *presets]
    gemini = {name for name in known if name.startswith("gemini")}
    return frozenset(gemini if provider == "gemini" else set(known) - gemini)


def preset_names() -> tuple[str, ...]:
    """Names of the presets."""
    return tuple(_data()["presets"])


def preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        KeyError: there is none of this name.
    """
    return Preset(**_data()["presets"][name])
