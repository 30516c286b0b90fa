"""What readonly = 1 of the engine still lets through, and readers of the store must not do.

Measured on chDB: under readonly = 1 the table functions file, url, s3 and remote, SET, DDL and inserts are refused, but
INTO OUTFILE, the scalar function file(), DESCRIBE of a table function, SYSTEM and KILL are not.
"""

import re
from typing import Final

DENIED: Final = 497
"""ClickHouse's ACCESS_DENIED."""

_READONLY: Final = 164
_TOKEN: Final = re.compile(
    r"""
      (?P<text> '(?:[^'\\]|\\.|'')*' | \u2018[^\u2019]*\u2019 | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<name> `(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*" | \u201c[^\u201d]*\u201d )
    | (?P<comment> --[^\n]* | /\*.*?\*/ | \#[ !][^\n]* )
    """,
    re.VERBOSE | re.DOTALL,
)
_READ: Final = re.compile(r"[\s(]*(?:SELECT|WITH|FROM|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b", re.IGNORECASE)
_OUTSIDE: Final = re.compile(r"\bOUTFILE\b|\bfile\s*\(", re.IGNORECASE)
# DESCRIBE of a table function opens what it names, to learn the columns
_DESCRIBED_FUNCTION: Final = re.compile(r"[\s(]*DESC(?:RIBE)?\s+(?:TABLE\s+)?\w+\s*\(", re.IGNORECASE)
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
    return re.sub(r"\W", "_", token[0][1:-1])


def check(sql: bytes) -> None:
    """Let only single reading statements pass that stay inside the store.

    Raises:
        Refused: For anything else.
    """
    bare = _TOKEN.sub(_bare, sql.decode(errors="replace"))
    if not _READ.match(bare):
        raise Refused("Cannot execute query in readonly mode: this interface only reads (READONLY)", _READONLY)
    if _OUTSIDE.search(bare) or _DESCRIBED_FUNCTION.match(bare):
        raise Refused("only tables of this store can be read (ACCESS_DENIED)", DENIED)
    if _SECOND_STATEMENT.search(bare):
        raise Refused("one statement at a time (SYNTAX_ERROR)", 62)
