"""Where provider keys may lie: the operating system's keyring, or a file that the operator's secret opens."""

import base64
import functools
import hashlib
import json
import os
import threading
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, Protocol

from quarterdeck.files import replace, sole_writer

SECRET_VARIABLE: Final = "QUARTERDECK_KEY_SECRET"  # noqa: S105 - the name of a variable
"""Secret of the key file; only in the environment, for a flag would show in the list of processes."""

KEY_FILE: Final = "provider-keys.json"
"""In the data directory."""

_SERVICE: Final = "quarterdeck-runner"
_INDEX: Final = "index"
_SHORTEST_SECRET: Final = 16
_SCRYPT: Final[Mapping[str, int]] = {"n": 1 << 14, "r": 8, "p": 1}

Entry = Mapping[str, str]
"""``key`` and, where it has one of its own, ``base_url``."""


class KeyStoreError(Exception):
    """The key store cannot do this; the message says why and what to do."""


class KeyStore(Protocol):
    """Keeps entries by name; every method may block."""

    @property
    def kind(self) -> str:
        """``keyring``, ``file`` or ``none``."""

    @property
    def hint(self) -> str:
        """Why it cannot be used and what to do; empty if it can."""

    def names(self) -> list[str]:
        """Names of all entries."""

    def get(self, name: str) -> Entry | None:
        """Read an entry."""

    def put(self, name: str, entry: Entry) -> None:
        """Keep an entry."""

    def remove(self, name: str) -> bool:
        """Forget an entry; whether there was one."""


class NoStore:
    """Stands where there is no key store."""

    kind = "none"

    def __init__(self, hint: str) -> None:
        self.hint = hint

    def names(self) -> list[str]:
        """None."""
        return []

    def get(self, name: str) -> Entry | None:  # noqa: ARG002 - as the others
        """Nothing."""
        return None

    def put(self, name: str, entry: Entry) -> None:  # noqa: ARG002 - as the others
        """Refuse."""
        raise KeyStoreError(self.hint)

    def remove(self, name: str) -> bool:  # noqa: ARG002 - as the others
        """There is none."""
        return False


class KeyringStore:
    """The keyring of the operating system; it cannot list, so an index lies beside the keys.

    Args:
        keyring: a backend of the ``keyring`` library.
    """

    kind = "keyring"
    hint = ""

    def __init__(self, keyring: Any) -> None:
        self._keyring = keyring
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Names of all entries."""
        return list(json.loads(self._read(_INDEX) or "[]"))

    def get(self, name: str) -> Entry | None:
        """Read an entry."""
        text = self._read(f"key:{name}")
        return json.loads(text) if text else None

    def put(self, name: str, entry: Entry) -> None:
        """Keep an entry."""
        with self._lock:
            self._write(f"key:{name}", json.dumps(entry))
            self._write(_INDEX, json.dumps(sorted({*self.names(), name})))

    def remove(self, name: str) -> bool:
        """Forget an entry; whether there was one."""
        with self._lock:
            names = self.names()
            if name not in names:
                return False
            self._write(_INDEX, json.dumps([each for each in names if each != name]))
            try:
                self._keyring.delete_password(_SERVICE, f"key:{name}")
            except Exception as error:  # noqa: BLE001 - every backend has errors of its own
                raise KeyStoreError(f"the keyring refuses ({type(error).__name__})") from None
            return True

    def _read(self, name: str) -> str:
        try:
            return str(self._keyring.get_password(_SERVICE, name) or "")
        except Exception as error:  # noqa: BLE001 - as above
            raise KeyStoreError(f"the keyring cannot be read ({type(error).__name__}); is it locked?") from None

    def _write(self, name: str, text: str) -> None:
        try:
            self._keyring.set_password(_SERVICE, name, text)
        except Exception as error:  # noqa: BLE001 - as above; its text might quote what was to be kept
            raise KeyStoreError(f"the keyring cannot be written ({type(error).__name__}); is it locked?") from None


class FileStore:
    """A file that only the operator's secret opens: Fernet, under a key made of the secret by scrypt.

    Args:
        path: the file; made with the first key.
        secret: the operator's secret.
    """

    kind = "file"
    hint = ""

    def __init__(self, path: Path, secret: str) -> None:
        self._path, self._secret = path, secret

    def names(self) -> list[str]:
        """Names of all entries."""
        return sorted(self._read()[0])

    def get(self, name: str) -> Entry | None:
        """Read an entry."""
        return self._read()[0].get(name)

    def put(self, name: str, entry: Entry) -> None:
        """Keep an entry."""
        self._change(lambda entries: entries.__setitem__(name, entry))

    def remove(self, name: str) -> bool:
        """Forget an entry; whether there was one."""
        return self._change(lambda entries: entries.pop(name, None)) is not None

    def _change(self, change: Any) -> Any:
        try:
            with sole_writer(self._path.parent):
                entries, salt = self._read()
                result = change(entries)
                sealed = _fernet(self._secret, salt).encrypt(json.dumps(entries).encode()).decode()
                text = json.dumps({"salt": salt.hex(), "sealed": sealed}, indent=1)
                replace(self._path, text.encode())
                return result
        except OSError as error:
            raise KeyStoreError(f"{self._path} cannot be written: {error.strerror}") from None

    def _read(self) -> tuple[dict[str, Entry], bytes]:
        from cryptography.fernet import InvalidToken

        try:
            found = json.loads(self._path.read_bytes())
            salt = bytes.fromhex(found["salt"])
            return json.loads(_fernet(self._secret, salt).decrypt(found["sealed"].encode())), salt
        except FileNotFoundError:
            return {}, os.urandom(16)
        except InvalidToken:
            raise KeyStoreError(f"{self._path} was sealed with another secret than {SECRET_VARIABLE} has now") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeyStoreError(
                f"{self._path} cannot be read ({type(error).__name__}); remove it and set the keys anew"
            ) from None


@functools.lru_cache(maxsize=4)
def _fernet(secret: str, salt: bytes) -> Any:
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(hashlib.scrypt(secret.encode(), salt=salt, dklen=32, **_SCRYPT)))


def open_store(choice: str, data_dir: Path, environ: MutableMapping[str, str]) -> KeyStore:
    """Open the key store that the operator chose.

    Args:
        choice: ``keyring``, ``file``, ``none``, or ``auto``: the file where there is a secret for it, else the keyring.
        data_dir: folder of the file.
        environ: where the secret is; it is taken out, so that no program started from here inherits it.

    Raises:
        KeyStoreError: there is no such store here; the message says what to do.
    """
    secret = environ.pop(SECRET_VARIABLE, "")
    if choice == "none":
        return NoStore("the key store is switched off: choose another with --key-store / QUARTERDECK_KEY_STORE")
    if choice == "file" or (choice == "auto" and secret):
        if len(secret) < _SHORTEST_SECRET:
            raise KeyStoreError(
                f"the key file needs a secret of at least {_SHORTEST_SECRET} characters in {SECRET_VARIABLE}"
            )
        return FileStore(data_dir / KEY_FILE, secret)
    import keyring.backends.fail

    backend = keyring.get_keyring()
    if backend.priority >= 1 and not isinstance(backend, keyring.backends.fail.Keyring):
        return KeyringStore(backend)
    missing = f"this machine has no keyring: put a secret into {SECRET_VARIABLE} to keep keys in an encrypted file"
    if choice == "keyring":
        raise KeyStoreError(missing)
    return NoStore(missing)
