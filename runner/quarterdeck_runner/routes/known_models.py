"""Names of models, for choosing one."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from quarterdeck_runner import prices
from quarterdeck_runner.experiments import is_gemini
from quarterdeck_runner.models import Provider, choose, names
from quarterdeck_runner.prices import Prices

router = APIRouter(prefix="/v1/models", tags=["providers"])


class KnownModel(BaseModel):
    """One name."""

    name: str = Field(description="As it may be written in a pipeline.", examples=["haiku"])
    model: str = Field(description="Id that the provider knows.", examples=["claude-haiku-5-5"])
    provider: Provider
    priced: bool = Field(description="Whether its price is known.")


class KnownModels(BaseModel):
    """All names, short ones included; a provider may know more."""

    models: list[KnownModel]


@router.get("")
def list_models() -> KnownModels:
    """List the names of models that are known here and still answer; nobody is asked."""
    known = sorted({name for provider in ("claude", "gemini") for name in names(provider) if not choose(name).warning})
    return KnownModels(models=[_model(name, prices.current()) for name in known])


def _model(name: str, known: Prices) -> KnownModel:
    chosen = choose(name).name
    provider: Provider = "gemini" if is_gemini(chosen) else "claude"
    return KnownModel(name=name, model=chosen, provider=provider, priced=known.known(provider, chosen))
