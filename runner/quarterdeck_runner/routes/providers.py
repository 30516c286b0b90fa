"""Providers and their keys: set, test, remove; never read back."""

import asyncio
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from quarterdeck_runner.key_stores import KeyStoreError
from quarterdeck_runner.keys import DEFAULT, PROFILE, VENDORS, NoKeyError
from quarterdeck_runner.keys import Profile as KnownProfile
from quarterdeck_runner.models import Provider
from quarterdeck_runner.problems import documented
from quarterdeck_runner.providers import explain
from quarterdeck_runner.routes.state import Parts, Runner

router = APIRouter(prefix="/v1/providers", tags=["providers"])

_TEST_S = 20.0

ProfileName = Annotated[str, Path(pattern=PROFILE, description="Name of the key; runs that name none use `default`.")]


class ProfileModel(BaseModel):
    """A key, without the key."""

    profile: str = Field(examples=[DEFAULT])
    source: Literal["environment", "keyring", "file"]
    base_url: str = Field(description="Where it is sent.", examples=["https://api.anthropic.com"])


class ProviderModel(BaseModel):
    """Who answers model calls."""

    name: Provider
    title: str = Field(examples=["Claude"])
    variable: str = Field(description="Environment variable of the key `default`.", examples=["ANTHROPIC_API_KEY"])
    ready: bool = Field(description="Whether runs that name no key can call it.")
    profiles: list[ProfileModel]


class KeyStoreModel(BaseModel):
    """Where keys are kept that are set over this interface."""

    kind: Literal["keyring", "file", "none"]
    hint: str = Field(description="Why it cannot be used, and what to do; else empty.", examples=[""])


class ProviderList(BaseModel):
    """All providers."""

    providers: list[ProviderModel]
    key_store: KeyStoreModel


class KeySetting(BaseModel):
    """A key to keep."""

    model_config = ConfigDict(extra="forbid")

    key: SecretStr = Field(min_length=8, max_length=4096, examples=["your-provider-key"])
    base_url: str | None = Field(
        None,
        max_length=2000,
        description="Where to send it instead of the provider's own address; the operator must allow it.",
        examples=["https://gateway.example.org/anthropic"],
    )


class KeyTest(BaseModel):
    """Which key to try."""

    model_config = ConfigDict(extra="forbid")

    profile: str = Field(DEFAULT, pattern=PROFILE)


class KeyVerdict(BaseModel):
    """Whether a key works."""

    works: bool
    latency_ms: float = Field(description="How long the provider took.", examples=[231.5])
    models: list[str] = Field(description="Models that this key may use.", examples=[["claude-sonnet-5-5"]])
    problem: str = Field(description="Why it does not work; else empty.", examples=[""])


@router.get("")
async def list_providers(runner: Runner) -> ProviderList:
    """List the providers and which keys there are, never a key."""
    found = [await asyncio.to_thread(_provider, runner, provider) for provider in VENDORS]
    store = runner.keys.store
    return ProviderList(
        providers=found, key_store=KeyStoreModel.model_validate({"kind": store.kind, "hint": store.hint})
    )


@router.put("/{provider}/keys/{profile}", responses=documented(409))
async def set_key(provider: Provider, profile: ProfileName, setting: KeySetting, runner: Runner) -> ProfileModel:
    """Keep a key in the key store; it takes effect with the next model call."""
    key = setting.key.get_secret_value()
    await asyncio.to_thread(runner.keys.set, provider, profile, key, setting.base_url or "")
    credential = await asyncio.to_thread(runner.keys.credential, provider, profile)
    return _model(KnownProfile(provider, profile, credential.source, credential.base_url))


@router.delete("/{provider}/keys/{profile}", status_code=204, responses=documented(404, 409))
async def remove_key(provider: Provider, profile: ProfileName, runner: Runner) -> None:
    """Forget a key."""
    await asyncio.to_thread(runner.keys.remove, provider, profile)


@router.post("/{provider}/test")
async def test_key(provider: Provider, test: KeyTest, runner: Runner) -> KeyVerdict:
    """Ask the provider for its models, which costs nothing, and say whether the key works."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_TEST_S):
            models, problem = await runner.providers.models(provider, test.profile), ""
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the verdict
        models, problem = [], explain(error).message
    elapsed = round((time.perf_counter() - began) * 1000, 1)
    return KeyVerdict(works=not problem, latency_ms=elapsed, models=models, problem=problem)


def _provider(runner: Parts, provider: Provider) -> ProviderModel:
    vendor = VENDORS[provider]
    try:
        runner.keys.credential(provider)
        ready = True
    except NoKeyError:
        ready = False
    try:
        profiles = runner.keys.profiles(provider)
    except KeyStoreError:
        profiles = []
    return ProviderModel(
        name=provider,
        title=vendor.title,
        variable=vendor.variable,
        ready=ready,
        profiles=[_model(each) for each in profiles],
    )


def _model(profile: KnownProfile) -> ProfileModel:
    return ProfileModel.model_validate(
        {"profile": profile.profile, "source": profile.source, "base_url": profile.base_url}
    )
