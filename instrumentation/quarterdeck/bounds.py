"""Texts and bytes within their caps, with a visible mark where something is missing."""

import hashlib
import json
from typing import Any, Final

MAX_VALUE_BYTES: Final = 1_048_576
"""Cap of one whole captured value, in UTF-8 bytes of its JSON."""

MAX_TEXT_BYTES: Final = 262_144
"""Cap of one text inside a captured value, in UTF-8 bytes."""

_MAX_HASHED_BYTES: Final = 16_777_216
_WIDEST_CHARACTER: Final = 4

_encoded: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), allow_nan=False
).encode

_MEDIA: Final = (
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)
"""How files of a kind begin."""

_CONTAINERS: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/avi"}
"""What a RIFF file holds."""


def dump(value: Any) -> str:
    """Write a value made of plain JSON types, compactly, with non-ASCII text kept readable."""
    text = _encoded(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def bounded(text: str, limit: int = MAX_VALUE_BYTES) -> str:
    """Keep JSON ``text`` if it fits, else replace it by a marker object that holds its beginning."""
    raw = text.encode("utf-8", "replace") if len(text) * _WIDEST_CHARACTER > limit else b""
    if len(raw) <= limit:
        return text
    kept = raw[:limit].decode("utf-8", "ignore")
    return dump({"quarterdeck.truncated": mark(raw, len(kept.encode())), "text": kept})


def cut(text: str, limit: int = MAX_TEXT_BYTES) -> str:
    """Keep ``text`` if it fits, else its beginning followed by a visible marker."""
    if len(text) * _WIDEST_CHARACTER <= limit:
        return text
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return text
    kept = raw[:limit].decode("utf-8", "ignore")
    facts = mark(raw, len(kept.encode()))
    return (
        f"{kept}…[truncated: kept {facts['kept_bytes']} of {facts['original_bytes']} bytes, sha256 {facts['sha256']}]"
    )


def mark(raw: bytes, kept: int) -> dict[str, Any]:
    """Describe what was cut: kept bytes, original bytes, hash of the original."""
    return {"kept_bytes": kept, "original_bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def fingerprint(text: str) -> str:
    """Stand in for a text that may not be captured: its hash and size."""
    raw = text.encode("utf-8", "replace")
    return f"sha256:{hashlib.sha256(raw).hexdigest()} ({len(raw)} bytes)"


def blob(data: Any, media: str = "") -> dict[str, Any]:
    """Describe binary data by type, size and hash; of very large data, the hash of the beginning.

    Args:
        data: anything with the buffer protocol.
        media: its media type, where known; else what its first bytes say.
    """
    with memoryview(data) as view:
        if not view.c_contiguous:
            return {"type": media or type(data).__name__, "bytes": view.nbytes}
        with view.cast("B") as raw:
            found: dict[str, Any] = {"type": media or _media_of(bytes(raw[:16])) or type(data).__name__}
            found |= {"bytes": raw.nbytes, "sha256": hashlib.sha256(raw[:_MAX_HASHED_BYTES]).hexdigest()}
            return found if raw.nbytes <= _MAX_HASHED_BYTES else found | {"hashed_bytes": _MAX_HASHED_BYTES}


def _media_of(head: bytes) -> str:
    if head.startswith(b"RIFF"):
        return _CONTAINERS.get(head[8:12], "")
    return next((media for beginning, media in _MEDIA if head.startswith(beginning)), "")
