"""Commands that do one of several things to a file of the data directory and answer in a sentence."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

_FAILED: Final = 1


def with_data_dir(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Let every action of a command say whose data directory is meant.

    Args:
        actions: the actions, all of them added.
    """
    default = Path(os.environ.get("QUARTERDECK_DATA_DIR") or ".quarterdeck")
    for action in actions.choices.values():
        action.add_argument("--data-dir", type=Path, default=default, help=f"the services' folder [{default}]")


def visible_name(text: str) -> str:
    """Read a name for people.

    Raises:
        argparse.ArgumentTypeError: nobody could see it.
    """
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("a name needs at least one visible character")
    return text.strip()


def carried_out(command: str, act: Callable[[], str], refusal: type[Exception]) -> int:
    """Print what an action answers.

    Args:
        command: its name, for the message.
        act: the action.
        refusal: what it raises where it cannot be done.

    Returns:
        Exit code: 0, or 1 with a message if it cannot be done.
    """
    try:
        print(act())  # noqa: T201 - a command line answers on standard output
    except refusal as error:
        print(f"quarterdeck {command}: {error}", file=sys.stderr)  # noqa: T201 - as above
        return _FAILED
    return 0
