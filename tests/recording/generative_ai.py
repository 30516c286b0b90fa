"""What is asked of Gemini through the retired ``google-generativeai`` client, which old OpenLLMetry observes."""

import contextlib
from typing import Any

import google.generativeai as google

from recording import texts


def client(url: str) -> Any:
    """A model of the provider under ``url``."""
    google.configure(api_key="key", transport="rest", client_options={"api_endpoint": url})
    return google.GenerativeModel(texts.GEMINI, system_instruction=texts.SYSTEM)


def plain(model: Any) -> None:
    model.generate_content(f"{texts.QUESTION} {texts.SAY}")


def stream(model: Any) -> None:
    for _ in model.generate_content(f"{texts.QUESTION} {texts.SAY}", stream=True):
        pass


def cache(model: Any) -> None:
    model.generate_content(f"{texts.QUESTION} {texts.SAY} [[cache]]")


def error(model: Any) -> None:
    with contextlib.suppress(Exception):
        model.generate_content(f"{texts.QUESTION} [[error:400]]")


ALL = (plain, stream, cache, error)
