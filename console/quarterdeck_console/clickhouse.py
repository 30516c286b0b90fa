"""ClickHouse over HTTP: reading questions, rows or bytes back, errors that a person can read."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Final

import requests

from quarterdeck_console.settings import Place
from quarterdeck_console.web import REFUSED, Web

Row = dict[str, Any]

READ_ONLY: Final = {"readonly": "2"}
"""Reading only, but settings of the query may be set."""

_FIXED: Final = "164"
_TIMEOUT_S: Final = 70.0
_ROWS: Final = {
    "default_format": "JSONEachRow",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "1",
}
_MESSAGE: Final = re.compile(
    r"^Code: (?P<code>\d+)\. DB::(?:\w+::)?Exception: (?P<text>.*?)"
    r"(?:\s\((?P<name>[A-Z][A-Z0-9_]+)\)(?: \(version .*\))?)?\s*$",
    re.DOTALL,
)
_FRAME: Final = re.compile(r"^(?:Code: \d+\. DB::(?:\w+::)?Exception: )+")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
_QUOTED: Final = str.maketrans({"\\": "\\\\", "'": "\\'"})
_MOST: Final = 400
_NAMES: Final = {"62": "SYNTAX_ERROR"}
"""Of an error whose text was too long to be sent whole."""
_EXCEPTION_BYTES: Final = 17_000


class QueryError(Exception):
    """ClickHouse refused or broke off a query; the message is for a person.

    Args:
        text: what ClickHouse says, without its frame.
        code: its error code; 0 if unknown.
        name: name of the code; empty if unknown.
    """

    def __init__(self, text: str, code: int = 0, name: str = "") -> None:
        super().__init__(f"{name} (code {code}): {text}" if name else text)
        self.code = code
        self.name = name


class ClickHouse:
    """The database of one collector, or of many.

    Args:
        place: where it is.
        timeout_s: seconds that it may be silent.

    Raises:
        AwayError: its URL is none.
    """

    def __init__(self, place: Place, timeout_s: float = _TIMEOUT_S) -> None:
        self._web = Web(place.clickhouse_url, place.token, timeout_s)
        self._database = place.database
        self.place = self._web.place

    def ask(self, file: str, **parameters: Any) -> list[Row]:
        """Run a ``.sql`` file of this package, with values for the ``{name:Type}`` places in it.

        Args:
            file: its path in the package, without ``.sql``.
            parameters: values.

        Raises:
            AwayError: ClickHouse does not answer.
            DeniedError: it wants another token.
            QueryError: it refuses.
        """
        return self.rows(sql_of(file), parameters)

    def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, str] | None = None
    ) -> list[Row]:
        """Run a query and give its rows; raises as :meth:`ask`."""
        whole = b"".join(self.stream(sql, parameters, {**_ROWS, **(settings or {})}))
        return [json.loads(line) for line in whole.decode(errors="replace").split("\n") if line]

    def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        """Run a query and give its output as it comes; raises as :meth:`ask`, an error in the middle of it too.

        Args:
            sql: one reading statement.
            parameters: values of its ``{name:Type}`` places.
            settings: of the query; where the user of ClickHouse may set none, it goes without.
        """
        bound = {f"param_{name}": bindable(value) for name, value in (parameters or {}).items()}
        answer = self._post(sql, {**READ_ONLY, **(settings or {}), **bound})
        if answer.headers.get("x-clickhouse-exception-code") == _FIXED and "setting" in _text_of(answer):
            kept = {name: value for name, value in (settings or {}).items() if name == "default_format"}
            answer = self._post(sql, {**kept, **bound})
        with answer:
            if answer.status_code >= REFUSED:
                raise query_error(_text_of(answer))
            yield from _whole(answer)

    def _post(self, sql: str, query: Mapping[str, str]) -> requests.Response:
        return self._web.send("POST", "/", params={"database": self._database, **query}, data=sql.encode())


def sql_of(file: str) -> str:
    """Text of a ``.sql`` file of this package."""
    return resources.files("quarterdeck_console").joinpath(*f"{file}.sql".split("/")).read_text("utf-8")


def bindable(value: Any) -> str:
    """Write a value as ClickHouse reads a query parameter: a text as in tab-separated values, a list as an array."""
    if isinstance(value, list | tuple):
        return f"[{','.join(_element(each) for each in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value).translate(_ESCAPES)


def _element(value: Any) -> str:
    return f"'{value.translate(_QUOTED)}'" if isinstance(value, str) else bindable(value)


def query_error(said: str) -> QueryError:
    """Take ClickHouse's words out of their frame."""
    found = _MESSAGE.match(said.strip())
    if found is None:
        return QueryError(said.strip()[:2000] or "ClickHouse says nothing")
    text = _FRAME.sub("", found["text"].strip()).removesuffix(".")
    shown = text if len(text) <= _MOST else f"{text[:_MOST]}…"
    return QueryError(shown, int(found["code"]), found["name"] or _NAMES.get(found["code"], "ERROR"))


def _text_of(answer: requests.Response) -> str:
    return answer.content.decode(errors="replace")


def _whole(answer: requests.Response) -> Iterator[bytes]:
    """Give the body, and raise the error that ends it if one does: its headers were sent before."""
    tag = answer.headers.get("x-clickhouse-exception-tag", "")
    mark = f"__exception__\r\n{tag}\r\n".encode() if tag else b"\0\0\0no mark\0\0\0"
    held = b""
    try:
        for piece in answer.iter_content(1 << 16):
            held += piece
            if mark not in held:  # which is among the last bytes
                yield held[:-_EXCEPTION_BYTES]
                held = held[-_EXCEPTION_BYTES:]
    except (requests.RequestException, OSError) as error:
        raise QueryError(f"the answer broke off: {error}") from error
    data, found, error_text = held.partition(b"\r\n" + mark)
    if data:
        yield data
    if found:
        raise query_error(error_text.decode(errors="replace").rpartition("\n")[0])
