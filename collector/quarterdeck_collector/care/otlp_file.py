"""OTLP files as the OpenTelemetry file exporter writes them: one signal a file, JSON lines or delimited protobuf.

``runs.otlp`` holds protobuf messages, each after its length as a varint; ``runs.jsonl`` holds a JSON object a line.
``.gz`` or ``.zst`` after that compresses the whole.
"""

import base64
import contextlib
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

import zstandard
from google.protobuf import json_format  # type: ignore[import-untyped]  # ships no types
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector.receive.otlp import JSON, LOGS, METRICS, PROTOBUF, TRACES, BadRequestError, Kind, parse
from quarterdeck_collector.segments import frame

LARGEST_MESSAGE: Final = 1 << 28
"""Bytes of one message; a greater length says that this is no such file."""

_KINDS: Final = {kind.name: kind for kind in (TRACES, LOGS, METRICS)}
_JSON_NAMES: Final = {b"resourceSpans": TRACES, b"resourceLogs": LOGS, b"resourceMetrics": METRICS}
_JSON_START: Final = re.compile(rb'\s*\{\s*"(resourceSpans|resourceLogs|resourceMetrics)"')
_CONTINUES: Final = 0x80
_ID_KEYS: Final = ("traceId", "spanId", "parentSpanId")


class FileError(Exception):
    """A file that cannot be read or written as OTLP; the message says where and why."""


def name_for(path: Path, kind: Kind) -> Path:
    """Give the name of the file that holds one signal: ``runs.otlp.zst`` becomes ``runs.traces.otlp.zst``.

    Raises:
        FileError: If the name has no known ending.
    """
    encoding, _ = _endings(path)
    stem, _, rest = path.name.rpartition(f".{encoding}")
    return path.with_name(f"{stem}.{kind.name}.{encoding}{rest}")


def files_of(path: Path) -> list[Path]:
    """Give the files that a name stands for: itself, or what an export to it has written, one for each signal.

    Raises:
        FileError: If the name has no known ending.
    """
    if path.exists():
        return [path]
    return [file for kind in (TRACES, LOGS) if (file := name_for(path, kind)).exists()] or [path]


def _endings(path: Path) -> tuple[str, str]:
    suffixes = [suffix[1:] for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in ("gz", "zst") else ""
    if not suffixes or suffixes[-1] not in ("otlp", "jsonl"):
        raise FileError(f"{path}: name it .otlp or .jsonl, with .gz or .zst after that to compress it")
    return suffixes[-1], compression


class Writer:
    """Writes messages to a file that appears under its name when it is complete.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding, compression = _endings(path)
        self._draft = path.with_name(f"{path.name}.part")
        self._file = _open(self._draft, "wb", compression)

    def write(self, message: Message) -> None:
        """Append one message."""
        self._file.write(frame(message.SerializeToString()) if self._encoding == "otlp" else _json_line(message))

    def finish(self) -> None:
        """Give the file its name."""
        self._file.close()
        self._draft.replace(self._path)

    def abandon(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._draft.unlink(missing_ok=True)


def _open(path: Path, mode: str, compression: str) -> IO[bytes]:
    if compression == "gz":
        return cast("IO[bytes]", gzip.open(path, mode))
    if compression == "zst":
        return cast("IO[bytes]", zstandard.open(path, mode))
    return cast("IO[bytes]", path.open(mode))


def _json_line(message: Message) -> bytes:
    document = _with_hex_ids(json_format.MessageToDict(message, use_integers_for_enums=True))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _with_hex_ids(value: Any) -> Any:
    """OTLP/JSON spells ids in hex where protobuf's JSON spells bytes in base64; attributes hold none."""
    if isinstance(value, list):
        return [_with_hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(part).hex()
        if key in _ID_KEYS
        else part
        if key in ("attributes", "body")
        else _with_hex_ids(part)
        for key, part in value.items()
    }


def read(path: Path, signal: str = "") -> Iterator[tuple[Kind, Any]]:
    """Read a file message by message.

    Args:
        path: The file.
        signal: ``traces``, ``logs`` or ``metrics``, where its name does not say it; JSON lines say it themselves.

    Raises:
        FileError: If it is no such file, or ends within a message.
    """
    encoding, compression = _endings(path)
    try:
        with _open(path, "rb", compression) as file:
            yield from _read_json(path, file) if encoding == "jsonl" else _read_protobuf(path, file, signal)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise FileError(f"{path} cannot be read: {error}") from error


def _read_json(path: Path, file: IO[bytes]) -> Iterator[tuple[Kind, Any]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        found = _JSON_START.match(line)
        if found is None:
            raise FileError(f"{path}, line {number}: neither spans, log records nor metrics")
        kind = _JSON_NAMES[found[1]]
        yield kind, _parsed(kind, line, JSON, f"{path}, line {number}")


def _read_protobuf(path: Path, file: IO[bytes], signal: str) -> Iterator[tuple[Kind, Any]]:
    named = next((name for name in _KINDS if f".{name}." in path.name), signal)
    if named not in _KINDS:
        raise FileError(f"{path}: its name does not tell the signal; give --signal traces or --signal logs")
    kind = _KINDS[named]
    yield from ((kind, message) for message in read_delimited(str(path), file, kind))


def read_delimited(name: str, file: IO[bytes], kind: Kind) -> Iterator[Any]:
    """Read messages, each after its length as a varint.

    Args:
        name: What is read, for the message.
        file: Where from.
        kind: Signal.

    Raises:
        FileError: If something else is there, or it ends within a message.
    """
    number = 0
    while (size := _read_length(name, file)) is not None:
        number += 1
        body = file.read(size)
        if len(body) < size:
            raise FileError(f"{name} ends within message {number}; it is cut off")
        yield _parsed(kind, body, PROTOBUF, f"{name}, message {number}")


def _read_length(name: str, file: IO[bytes]) -> int | None:
    value = shift = 0
    while piece := file.read(1):
        value |= (piece[0] & 0x7F) << shift
        shift += 7
        if value > LARGEST_MESSAGE:
            break
        if piece[0] < _CONTINUES:
            return value
    if shift:
        raise FileError(f"{name} holds no length-delimited OTLP messages")
    return None


def _parsed(kind: Kind, body: bytes, media: str, where: str) -> Any:
    try:
        return parse(kind, body, media)[0]
    except BadRequestError as error:
        raise FileError(f"{where}: {error}") from error
