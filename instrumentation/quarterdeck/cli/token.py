"""``quarterdeck token``: create, list and revoke the tokens of a data directory."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quarterdeck.tokens import TOKEN_FILE, Scope, TokenError, TokenFile

_FAILED: Final = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Change or show the tokens of a data directory; running services notice by themselves.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code: 0, or 1 with a message if it cannot be done.
    """
    chosen = _parser().parse_args(argv)
    tokens = TokenFile(chosen.data_dir / TOKEN_FILE)
    try:
        print(_ACTIONS[chosen.action](tokens, chosen))  # noqa: T201 - a command line answers on standard output
    except TokenError as error:
        print(f"quarterdeck token: {error}", file=sys.stderr)  # noqa: T201 - as above
        return _FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck token", description="Tokens for collector and runner.")
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a token and print it, once")
    create.add_argument("--name", required=True, type=_name, help="tells it from the others")
    create.add_argument(
        "--scope",
        required=True,
        action="append",
        choices=[str(scope) for scope in Scope],
        help="ingest: send OTLP; read: query and list; run: start and steer runs; admin: everything; may be repeated",
    )
    actions.add_parser("list", help="show names and scopes, never the tokens")
    revoke = actions.add_parser("revoke", help="refuse a token from now on")
    revoke.add_argument("name")
    default = Path(os.environ.get("QUARTERDECK_DATA_DIR") or ".quarterdeck")
    for action in actions.choices.values():
        action.add_argument("--data-dir", type=Path, default=default, help=f"the services' folder [{default}]")
    return parser


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("a name needs at least one visible character")
    return text.strip()


def _create(tokens: TokenFile, chosen: argparse.Namespace) -> str:
    return tokens.create(chosen.name, [Scope(scope) for scope in dict.fromkeys(chosen.scope)])


def _list(tokens: TokenFile, _: argparse.Namespace) -> str:
    rows = [("NAME", "SCOPES", "CREATED", "ENDS IN")]
    rows += [(each.name, ",".join(each.scopes), each.created, f"…{each.ending}") for each in tokens.read()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) if len(rows) > 1 else "there are no tokens: everybody on this machine is let in"


def _revoke(tokens: TokenFile, chosen: argparse.Namespace) -> str:
    tokens.revoke(chosen.name)
    return f"revoked {chosen.name}"


_ACTIONS: Final = {"create": _create, "list": _list, "revoke": _revoke}


if __name__ == "__main__":
    sys.exit(main())
