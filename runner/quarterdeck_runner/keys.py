"""Keys of the providers: where they come from, and that nothing of them gets out.

A key has a profile, a name that runs may carry; the key itself is looked up by whoever makes the call.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quarterdeck.egress import Egress
from quarterdeck.redaction import scrub as scrub_patterns
from quarterdeck_runner.key_stores import KeyStore, KeyStoreError, NoStore
from quarterdeck_runner.models import Provider

DEFAULT: Final = "default"
"""Profile of runs that name none."""

PROFILE: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"

_STAND_IN: Final = "stand-in"
_MARK: Final = "[redacted:key]"
_SHORTEST_SCRUBBED: Final = 6


class KeyRefusedError(Exception):
    """A key cannot be set or removed; the message says why and what to do."""


class NoKeyError(Exception):
    """There is no key for this; the message says what to do."""


@dataclass(frozen=True)
class Vendor:
    """Who answers for a provider.

    Args:
        title: for people.
        variable: environment variable of the key.
        url_variable: environment variable of the address.
        url: address without it.
    """

    title: str
    variable: str
    url_variable: str
    url: str


VENDORS: Final[Mapping[Provider, Vendor]] = {
    "claude": Vendor("Claude", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
    "gemini": Vendor("Gemini", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com"),
}


@dataclass(frozen=True)
class Credential:
    """What a call needs.

    Args:
        key: the key.
        base_url: address of the provider.
        source: ``environment``, ``keyring`` or ``file``.
    """

    key: str = field(repr=False)
    base_url: str
    source: str


@dataclass(frozen=True)
class Profile:
    """A key without the key."""

    provider: Provider
    profile: str
    source: str
    base_url: str


class Keys:
    """Finds keys: the environment's first, then those of the key store.

    Args:
        environ: where keys and addresses are read, by default the environment of the process.
        store: where keys are kept that were set over REST.
        egress: which addresses a profile may name.
    """

    def __init__(
        self, environ: Mapping[str, str] = os.environ, store: KeyStore | None = None, egress: Egress | None = None
    ) -> None:
        self._environ = environ
        self.store = store or NoStore("this runner has no key store")
        self._egress = egress or Egress()
        for provider in VENDORS:
            with contextlib.suppress(KeyStoreError):
                self.profiles(provider)

    def credential(self, provider: Provider, profile: str = DEFAULT) -> Credential:
        """Find a key; blocks for a moment.

        Raises:
            NoKeyError: there is none, or it cannot be read, or its address is not allowed any more.
        """
        vendor, variable = VENDORS[provider], _variable(provider, profile)
        given = self._environ.get(variable, "")
        if given and given != _STAND_IN:
            return self._known(Credential(given, self._address(provider), "environment"))
        try:
            entry = self.store.get(f"{provider}/{profile}")
        except KeyStoreError as error:
            raise NoKeyError(f"{vendor.title} cannot be asked: {error}") from None
        if entry is not None:
            own = entry.get("base_url", "")
            if own and (trouble := self._egress.trouble(own)):
                raise NoKeyError(f"{vendor.title} cannot be asked: {trouble}")
            # An environment that names the stand-in names its address too.
            return self._known(
                Credential(entry["key"], own or (vendor.url if given else self._address(provider)), self.store.kind)
            )
        if given:
            return Credential(given, self._address(provider), "environment")
        named = "" if profile == DEFAULT else f" with the key profile '{profile}'"
        raise NoKeyError(
            f"{vendor.title} cannot be asked{named}: set {variable} in the environment of the runner and start it "
            f"again, or set a key over the API or on the dashboard"
        )

    def profiles(self, provider: Provider) -> list[Profile]:
        """All keys of a provider, without the keys.

        Raises:
            KeyStoreError: the store cannot be read.
        """
        beginning = f"{VENDORS[provider].variable}_"
        names = {DEFAULT} if self._environ.get(VENDORS[provider].variable) else set()
        named = (name.removeprefix(beginning).lower() for name in self._environ if name.startswith(beginning))
        names |= {name for name in named if re.match(PROFILE, name)}
        names |= {name.partition("/")[2] for name in self.store.names() if name.startswith(f"{provider}/")}
        found = []
        for name in sorted(names):
            with contextlib.suppress(NoKeyError):
                credential = self.credential(provider, name)
                found.append(Profile(provider, name, credential.source, credential.base_url))
        return found

    def set(self, provider: Provider, profile: str, key: str, base_url: str = "") -> None:
        """Keep a key.

        Args:
            provider: whose.
            profile: its name.
            key: the key.
            base_url: where to send it instead of the provider's own address; empty for that.

        Raises:
            KeyRefusedError: the environment has this key already, or the address is not allowed.
            KeyStoreError: there is no store, or it cannot be written.
        """
        self._refuse_environment(provider, profile, "would still be used")
        if base_url and (trouble := self._egress.trouble(base_url)):
            raise KeyRefusedError(trouble)
        _secrets.add(key)
        self.store.put(f"{provider}/{profile}", {"key": key} | ({"base_url": base_url} if base_url else {}))

    def remove(self, provider: Provider, profile: str) -> None:
        """Forget a key.

        Raises:
            KeyRefusedError: the environment has it.
            NoKeyError: there is none.
            KeyStoreError: the store cannot be written.
        """
        self._refuse_environment(provider, profile, "cannot be removed from here")
        if not self.store.remove(f"{provider}/{profile}"):
            raise NoKeyError(f"there is no key '{profile}' of {VENDORS[provider].title} in the key store")

    def _refuse_environment(self, provider: Provider, profile: str, consequence: str) -> None:
        variable = _variable(provider, profile)
        if self._environ.get(variable, "") not in {"", _STAND_IN}:
            raise KeyRefusedError(
                f"the environment of the runner has this key in {variable}; it {consequence}: unset the variable and "
                "start the runner again"
            )

    def _address(self, provider: Provider) -> str:
        vendor = VENDORS[provider]
        return self._environ.get(vendor.url_variable) or vendor.url

    @staticmethod
    def _known(credential: Credential) -> Credential:
        _secrets.add(credential.key)
        return credential


def _variable(provider: Provider, profile: str) -> str:
    name = VENDORS[provider].variable
    return name if profile == DEFAULT else f"{name}_{profile.upper().replace('-', '_')}"


_secrets: Final[set[str]] = set()
"""Every key that this process has held, so that it is recognised wherever it turns up."""


def scrub(text: str) -> str:
    """Replace keys in a text that leaves the process: those in use, and whatever looks like one."""
    return scrub_patterns(redact("", text))


def redact(_name: str, text: str) -> str:
    """Replace the keys in use; a redaction hook, which runs after the patterns."""
    for secret in tuple(_secrets):
        if len(secret) >= _SHORTEST_SCRUBBED and secret in text:
            text = text.replace(secret, _MARK)
    return text
