"""``quarterdeck user``: who may log in to the dashboard with a password."""

import argparse
import getpass
import sys
from collections.abc import Sequence
from typing import Final

from quarterdeck.cli.actions import carried_out, visible_name, with_data_dir
from quarterdeck_ui.access.people import PasswordFile, PeopleError, Role
from quarterdeck_ui.settings import USERS_FILE


def main(argv: Sequence[str] | None = None) -> int:
    """Change or show the password file of a data directory; a running dashboard notices by itself.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code: 0, or 1 with a message if it cannot be done.
    """
    chosen = _parser().parse_args(argv)
    people = PasswordFile(chosen.data_dir / USERS_FILE)
    return carried_out("user", lambda: _ACTIONS[chosen.action](people, chosen), PeopleError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck user", description="People who may log in to the dashboard.")
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="add someone, or change role and password; it asks for the password")
    add.add_argument("name", type=visible_name)
    add.add_argument("--role", choices=[str(role) for role in Role], default="viewer", help="[viewer]")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    actions.add_parser("list", help="show names and roles")
    remove = actions.add_parser("remove", help="let someone in no more, from now on")
    remove.add_argument("name")
    with_data_dir(actions)
    return parser


def _add(people: PasswordFile, chosen: argparse.Namespace) -> str:
    people.add(chosen.name, Role(chosen.role), _password(from_stdin=chosen.password_stdin))
    return f"{chosen.name} may log in as {chosen.role}"


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise PeopleError("the two passwords differ")
    return password


def _list(people: PasswordFile, _: argparse.Namespace) -> str:
    rows = [f"{entry.name}  {entry.role}" for entry in people.entries().values()]
    return "\n".join(rows) or "nobody can log in with a password; add someone with: quarterdeck user add NAME"


def _remove(people: PasswordFile, chosen: argparse.Namespace) -> str:
    people.remove(chosen.name)
    return f"removed {chosen.name}"


_ACTIONS: Final = {"add": _add, "list": _list, "remove": _remove}
