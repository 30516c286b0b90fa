"""Hands one message to one channel, where the address leads to a place that may be told."""

import asyncio
import functools
import logging
import smtplib
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from typing_extensions import override

from quarterdeck.egress import Destination, EgressError, Outlets
from quarterdeck_collector.alerts.channels import Channel
from quarterdeck_collector.alerts.messages import Message, for_mail, for_slack
from quarterdeck_collector.threads import offload

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses: secrets, here

PATIENCE: Final = 10.0
"""Seconds that a receiver may take."""

_LATER: Final = frozenset({408, 409, 425, 429})
_SERVER_ERROR: Final = 500
_TEMPORARY: Final = range(400, 500)
_LONGEST_WAIT: Final = 3600.0


@dataclass(frozen=True)
class Outcome:
    """What became of a try.

    Args:
        reason: Why it was not taken; empty if it was.
        again: Whether another try may help.
        pause: Seconds that the receiver asks to be left alone.
    """

    reason: str = ""
    again: bool = False
    pause: float = 0.0


class Sender:
    """Sends.

    Args:
        outlets: Where to anything may be sent.
        patience: Seconds that a receiver may take.
        trust: Certificates that are trusted.
    """

    def __init__(self, outlets: Outlets, patience: float = PATIENCE, trust: ssl.SSLContext | None = None) -> None:
        self._outlets = outlets
        self._patience = patience
        self._given = trust

    @functools.cached_property
    def _trust(self) -> ssl.SSLContext:
        """Reading all certificates takes a while: not before something is sent."""
        return self._given or ssl.create_default_context()

    async def send(self, channel: Channel, told: Message) -> Outcome:
        """Try once."""
        try:
            place = await offload(self._outlets.destination, channel.destination)
        except EgressError as error:
            return Outcome(str(error), again="has no address" in str(error))
        if channel.kind == "email":
            return await offload(self._mail, channel, told, place)
        return await self._post(
            channel.secrets.url, told if channel.kind == "webhook" else for_slack(told), told, place
        )

    async def _post(self, url: str, body: Any, told: Message, place: Destination) -> Outcome:
        parts = urlsplit(url)
        host = f"[{place.address}]" if ":" in place.address else place.address
        pinned = urlunsplit((parts.scheme, f"{host}:{place.port}", parts.path or "/", parts.query, ""))
        headers = {"Host": parts.netloc, "Idempotency-Key": told["id"], "User-Agent": "Quarterdeck-Alerts"}
        extensions = {"sni_hostname": place.host} if parts.scheme == "https" else {}
        try:
            async with (
                asyncio.timeout(self._patience),
                httpx.AsyncClient(
                    timeout=self._patience, trust_env=False, follow_redirects=False, verify=self._trust
                ) as client,
                client.stream("POST", pinned, json=body, headers=headers, extensions=extensions) as answer,
            ):
                return _judged(answer)
        except TimeoutError:
            return Outcome(f"no answer within {self._patience:g} s", again=True)
        except (httpx.HTTPError, OSError) as error:
            return Outcome(f"{parts.scheme}://{place.host} cannot be reached: {_plain(error, url)}", again=True)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=self._patience, trust_env=False, follow_redirects=False, verify=self._trust)

    def _mail(self, channel: Channel, told: Message, place: Destination) -> Outcome:
        assert channel.mail is not None  # noqa: S101 - channels of this kind have it
        mail, server = for_mail(told, channel), channel.mail
        try:
            with _connected(place, self._patience, self._trust) as smtp:
                if server.security == "starttls":
                    smtp.starttls(context=self._trust)
                if server.user:
                    smtp.login(server.user, channel.secrets.password)
                smtp.send_message(mail)
        except smtplib.SMTPResponseException as error:
            said = f"{error.smtp_code} {_decoded(error.smtp_error)}"
            return Outcome(f"the mail server said {said}", again=error.smtp_code in _TEMPORARY)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            said = f"{code} {_decoded(text)}"
            return Outcome(f"the mail server refuses the recipients: {said}", again=code in _TEMPORARY)
        except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
            return Outcome(f"the mail server: {error}")
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(f"the mail server {place.host} cannot be reached: {error}", again=True)
        return Outcome()


def _decoded(said: bytes | str) -> str:
    return (said if isinstance(said, str) else said.decode("utf-8", "replace"))[:200]


class _Pinned(smtplib.SMTP):
    """Connects to the address that was checked, and goes on under the name."""

    def __init__(self, place: Destination, patience: float) -> None:
        self._place = place
        super().__init__(place.host, place.port, timeout=patience)

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self._place.address, port), timeout)


class _PinnedTls(_Pinned):
    """The same over TLS from the beginning."""

    def __init__(self, place: Destination, patience: float, trust: ssl.SSLContext) -> None:
        self._context = trust
        super().__init__(place, patience)

    @override
    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(_host, port, timeout)
        return self._context.wrap_socket(plain, server_hostname=self._place.host)


def _connected(place: Destination, patience: float, trust: ssl.SSLContext) -> smtplib.SMTP:
    return _PinnedTls(place, patience, trust) if place.scheme == "smtps" else _Pinned(place, patience)


def _judged(answer: httpx.Response) -> Outcome:
    status = answer.status_code
    if answer.is_success:
        return Outcome()
    if answer.is_redirect:
        return Outcome(f"it answers {status}, a redirection: they are not followed, enter where it leads to")
    pause = _seconds(answer.headers.get("retry-after", ""))
    return Outcome(
        f"it answers {status} {answer.reason_phrase}", again=status >= _SERVER_ERROR or status in _LATER, pause=pause
    )


def _seconds(text: str) -> float:
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0


def _plain(error: Exception, url: str) -> str:
    """An error in words, without the address, which may be a secret."""
    return str(error).replace(url, "…")[:200] or type(error).__name__
