"""Ask another provider or model than the steps of a pipeline name, for one run."""

from dataclasses import replace

from quarterdeck_runner.models import Provider, choose, default_model
from quarterdeck_runner.options import Options
from quarterdeck_runner.providers import Answer, ModelCall, Models


class OverrideError(ValueError):
    """The provider and the model do not go together; the message says why."""


class Override:
    """Whom one run asks.

    Args:
        options: who and what to ask instead.
    """

    def __init__(self, options: Options) -> None:
        self._keys = options.keys
        self._model = choose(options.model).name if options.model else ""
        self._provider: Provider | None = options.provider or (provider_of(self._model) if self._model else None)

    def redirected(self, call: ModelCall) -> ModelCall:
        """The call as the run wants it."""
        provider = self._provider or call.provider
        model = self._model or (call.model if provider == call.provider else default_model(provider))
        profile = self._keys.get(provider, call.profile)
        return replace(call, provider=provider, model=model, profile=profile)


class Overridden:
    """Models of one run.

    Args:
        models: who answers.
        options: who and what to ask instead.
    """

    def __init__(self, models: Models, options: Options) -> None:
        self._models, self._override = models, Override(options)

    async def ask(self, call: ModelCall) -> Answer:
        """Ask whom the run wants to be asked."""
        return await self._models.ask(self._override.redirected(call))


def provider_of(model: str) -> Provider:
    """Who answers for a model."""
    return "gemini" if model.startswith(("gemini", "gemma")) else "claude"


def check(options: Options) -> None:
    """See whether provider and model go together.

    Raises:
        OverrideError: they do not.
    """
    if options.provider and options.model:
        model = choose(options.model).name
        if provider_of(model) != options.provider:
            advice = "name one of its models, or leave the provider out"
            raise OverrideError(f"the model '{model}' is not one of {options.provider}: {advice}")
