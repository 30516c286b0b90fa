"""``quarterdeck token``: create, list and revoke the tokens of a data directory."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from quarterdeck.cli.actions import carried_out, visible_name, with_data_dir
from quarterdeck.tokens import TOKEN_FILE, Scope, TokenError, TokenFile


def main(argv: Sequence[str] | None = None) -> int:
    """Change or show the tokens of a data directory; running services notice by themselves.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code: 0, or 1 with a message if it cannot be done.
    """
    chosen = _parser().parse_args(argv)
    tokens = TokenFile(chosen.data_dir / TOKEN_FILE)
    return carried_out("token", lambda: _ACTIONS[chosen.action](tokens, chosen), TokenError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck token", description="Tokens for collector and runner.")
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a token and print it, once")
    create.add_argument("--name", required=True, type=visible_name, help="tells it from the others")
    create.add_argument(
        "--scope",
        required=True,
        action="append",
        choices=[str(scope) for scope in Scope],
        help="ingest: send OTLP; read: query and list; run: start and steer runs; admin: everything; may be repeated",
    )
    create.add_argument(
        "--token-stdin", action="store_true", help="take the token from standard input, as a cluster's secrets need it"
    )
    actions.add_parser("list", help="show names and scopes, never the tokens")
    revoke = actions.add_parser("revoke", help="refuse a token from now on")
    revoke.add_argument("name")
    with_data_dir(actions)
    return parser


def _create(tokens: TokenFile, chosen: argparse.Namespace) -> str:
    scopes = [Scope(scope) for scope in dict.fromkeys(chosen.scope)]
    if not chosen.token_stdin:
        return tokens.create(chosen.name, scopes)
    if not (given := sys.stdin.readline().strip()):
        raise TokenError("there is no token on standard input")
    tokens.create(chosen.name, scopes, given)
    return f"{chosen.name} is known"


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
