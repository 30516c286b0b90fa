"""What a run is started with beside its inputs, and which variables of the environment nobody may set for a run."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from quarterdeck.redaction import Redactor
from quarterdeck_runner.models import Provider

PRIORITIES: Final = (0, 9)
NORMAL_PRIORITY: Final = 5

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_VALUE: Final = 32_768
_PROTECTED: Final = (
    "PATH", "HOME", "USER", "SHELL", "IFS", "ENV", "BASH_ENV", "NODE_OPTIONS", "PERL5OPT", "PERL5LIB", "RUBYOPT",
    "GCONV_PATH", "LOCPATH", "TMPDIR", "HOSTALIASES", "SSLKEYLOGFILE",
)  # fmt: skip
_PROTECTED_STARTS: Final = ("LD_", "DYLD_", "PYTHON", "QUARTERDECK_", "OTEL_", "GIT_", "SSL_CERT", "REQUESTS_CA")
_ADDRESSES: Final = re.compile(r"BASE_URL|_ENDPOINT|PROXY$|_HOST$", re.IGNORECASE)
_SECRETS: Final = re.compile(r"(^|_|API|ACCESS)(KEYS?|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Options:
    """How a run differs from the ordinary one of its pipeline.

    Args:
        env: variables of the run, by name.
        provider: who answers every model call; empty for whom each step names.
        model: which model answers every model call; empty for the one that each step names.
        keys: profile of the key that is used, by provider; the usual one where none is named.
        priority: 0 to 9; higher ones leave the queue first.
        origin: the run whose results are used again; empty for none.
        relation: what this run is to its origin: ``retry`` or ``replay``; empty for none.
        from_step: the first step that is done anew.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    provider: Provider | None = None
    model: str = ""
    keys: Mapping[Provider, str] = field(default_factory=dict)
    priority: int = NORMAL_PRIORITY
    origin: str = ""
    relation: str = ""
    from_step: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON knows it; only what differs from the default."""
        usual = asdict(Options())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}


def env_problems(env: Mapping[str, str]) -> list[dict[str, str]]:
    """Everything that is wrong with the variables that somebody wants to set for a run.

    Args:
        env: values by name.
    """
    found = ((name, _problem(name, value)) for name, value in env.items())
    return [{"variable": name, "message": message} for name, message in found if message]


def _problem(name: str, value: str) -> str:
    upper = name.upper()
    if not _NAME.fullmatch(name):
        return "is no name of a variable: letters, digits and '_', not beginning with a digit"
    if upper in _PROTECTED or upper.startswith(_PROTECTED_STARTS):
        return "decides what programs the runner executes or how it works: set it in the environment of the runner"
    if _SECRETS.search(name) or _carries_secret(value):
        return "holds a secret, which would lie readable in the database: give the key to the runner instead"
    if _ADDRESSES.search(name):
        return "decides where keys and prompts are sent: set it in the environment of the runner"
    if "\0" in value or len(value) > _MAX_VALUE:
        return f"must have a value without zero bytes and of at most {_MAX_VALUE} characters"
    return ""


def _carries_secret(value: str) -> bool:
    cleaned: object = Redactor().value("env", value)
    return cleaned != value
