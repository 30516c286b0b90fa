"""Variables of the environment that pipelines may see: those they declare, and never a secret."""

import os
import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|COOKIE|PRIVATE", re.IGNORECASE)


def environment_problem(name: str) -> str:
    """Say why a pipeline may not declare a variable; an empty text if it may.

    Args:
        name: name of the variable.
    """
    if not _NAME.match(name):
        return "is no name of a variable: letters, digits and '_'"
    if _SECRET.search(name):
        return "looks like a secret, and what a pipeline sees goes into prompts: leave keys to the runner"
    return ""


def values(declared: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The values of declared variables: those of the run, then those of this process, then the pipeline's own.

    Args:
        declared: the pipeline's variables.
        given: what the run sets.
    """
    return {name: given.get(name, os.environ.get(name, default)) for name, default in declared.items()}
