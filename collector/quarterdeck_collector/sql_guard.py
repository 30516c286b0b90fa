"""What readonly = 1 of the engine still lets through, and readers of the store must not do.

Measured on chDB: under readonly = 1 the table functions file, url, s3 and remote, SET, DDL and inserts are refused, but
INTO OUTFILE, the scalar function file(), DESCRIBE of a table function, SYSTEM and KILL are not.
"""

import re
from typing import Final

DENIED: Final = 497
"""ClickHouse's ACCESS_DENIED."""

_READONLY: Final = 164
# Settings that name files and addresses, carry SQL of their own or change the language; set before readonly = 1 holds.
_POWERFUL: Final = re.compile(
    r"dialect|filter|format_schema|template|registry|url|path|profile|outfile|rename_files|collection", re.IGNORECASE
)
_PLAIN_VALUE: Final = re.compile(r"-?[0-9.]{1,20}|true|false", re.IGNORECASE)
_TOKEN: Final = re.compile(
    r"""
      (?P<text> '(?:[^'\\]|\\.|'')*' )
    | (?P<name> `(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*" )
    | (?P<comment> --[^\n]* | /\*.*?\*/ | \#[ !][^\n]* )
    """,
    re.VERBOSE | re.DOTALL,
)
_READ: Final = re.compile(r"[\s(]*(?:SELECT|WITH|FROM|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b", re.IGNORECASE)
_OUTSIDE: Final = re.compile(r"\bOUTFILE\b|\bfile\s*\(", re.IGNORECASE)
# DESCRIBE of a table function opens what it names, to learn the columns
_DESCRIBED_FUNCTION: Final = re.compile(r"[\s(]*DESC(?:RIBE)?\s+(?:TABLE\s+)?\w+\s*\(", re.IGNORECASE)
# Where ClickHouse's own reading of the text is not worth guessing: heredocs, // comments, typographic quotes, and
# blanks such as U+200B. In quotes and comments all of them are fine.
_DOUBTFUL: Final = re.compile(r"[^\t\n\v\f\r -~]|\$|//")
_SECOND_STATEMENT: Final = re.compile(r";\s*\S")


class Refused(Exception):  # noqa: N818 - reads as what it is: the query was refused
    """A query that must not run.

    Args:
        text: Why.
        code: ClickHouse's error code.
    """

    def __init__(self, text: str, code: int) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")
        self.code = code


def _bare(token: re.Match[str]) -> str:
    if token["text"]:
        return "''"
    if token["comment"]:
        return " "
    if "\\" in token[0]:
        raise Refused("escapes in quoted names are not allowed here (ACCESS_DENIED)", DENIED)
    return re.sub(r"\W", "_", token[0][1:-1], flags=re.ASCII)


def check(sql: bytes) -> None:
    """Let only single reading statements pass that stay inside the store.

    Raises:
        Refused: For anything else.
    """
    try:
        bare = _TOKEN.sub(_bare, sql.decode())
    except UnicodeDecodeError as error:
        raise Refused(f"the query is not UTF-8 text: {error} (SYNTAX_ERROR)", 62) from error
    if found := _DOUBTFUL.search(bare):
        raise Refused(f"{found[0]!r} is allowed only in quotes and comments here (ACCESS_DENIED)", DENIED)
    if not _READ.match(bare):
        raise Refused("Cannot execute query in readonly mode: this interface only reads (READONLY)", _READONLY)
    if _OUTSIDE.search(bare) or _DESCRIBED_FUNCTION.match(bare):
        raise Refused("only tables of this store can be read (ACCESS_DENIED)", DENIED)
    if _SECOND_STATEMENT.search(bare):
        raise Refused("one statement at a time (SYNTAX_ERROR)", 62)


def check_setting(name: str, value: str) -> None:
    """Let only settings pass that cannot reach outside the store.

    Raises:
        Refused: For one that could.
    """
    if _POWERFUL.search(name) and not _PLAIN_VALUE.fullmatch(value):
        raise Refused(f"setting {name} cannot be changed here (ACCESS_DENIED)", DENIED)
