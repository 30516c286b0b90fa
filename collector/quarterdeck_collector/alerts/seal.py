"""Keeps what only the collector may read of a channel, such as a webhook's address, sealed among the saved objects.

Everyone who may query the store can read that table. The key is not in it: it lies in a file of the data directory, or,
where several collectors share a server, in the environment of each.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from quarterdeck.files import replace, sole_writer

SECRET_VARIABLE: Final = "QUARTERDECK_ALERT_SECRET"  # noqa: S105 - the name of a variable
"""Seals the channels of collectors that share a server; only in the environment, a flag would show in process lists."""

KEY_FILE: Final = "alert-key"
"""In the data directory: the key of a collector that was given no secret."""

_SHORTEST: Final = 16
_SCRYPT: Final[Mapping[str, int]] = {"n": 1 << 14, "r": 8, "p": 1}


class SealError(Exception):
    """Something cannot be sealed or opened; the message says why and what to do."""


class Seal:
    """Seals and opens small objects (Fernet).

    Args:
        key: URL-safe base64 of 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.fernet import Fernet

        self._fernet = Fernet(key)

    def close(self, value: Mapping[str, Any]) -> str:
        """Seal an object."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def open(self, sealed: str) -> dict[str, Any]:
        """Open what :meth:`close` made.

        Raises:
            SealError: It was sealed with another key.
        """
        from cryptography.fernet import InvalidToken

        try:
            found: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise SealError(
                "it was sealed by a collector with another key: enter its address anew, and give collectors that share "
                f"a server the same {SECRET_VARIABLE}"
            ) from None
        return found


def seal(data_dir: Path, secret: str) -> Seal:
    """Make the seal of a collector.

    Args:
        data_dir: Where its key lies, or is made.
        secret: What :data:`SECRET_VARIABLE` held; empty if there was none.

    Raises:
        SealError: The secret is too short, or the key cannot be read or written.
    """
    if secret:
        if len(secret) < _SHORTEST:
            raise SealError(f"{SECRET_VARIABLE} needs at least {_SHORTEST} characters")
        return Seal(base64.urlsafe_b64encode(hashlib.scrypt(secret.encode(), salt=b"alerts", dklen=32, **_SCRYPT)))
    path = data_dir / KEY_FILE
    try:
        with sole_writer(data_dir):
            if not path.exists():
                replace(path, base64.urlsafe_b64encode(os.urandom(32)))
            return Seal(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SealError(f"{path} cannot be used: {error}") from error
