"""Where somebody is told: web hooks, Slack and what speaks like it, e-mail, and the dashboard."""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from quarterdeck_collector.alerts.rules import Line
from quarterdeck_collector.alerts.seal import Seal

DASHBOARD: Final = "dashboard"
"""A channel that is always there: notices on the screens of those who look."""


class ChannelError(ValueError):
    """A channel cannot be used; the message says which field and why."""


class Mail(BaseModel):
    """How e-mail is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]+$", max_length=253)
    port: int = Field(587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Line = ""
    sender: Line
    to: tuple[Line, ...] = Field(min_length=1, max_length=50)

    @field_validator("sender", "to")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        for each in (value,) if isinstance(value, str) else value:
            if "@" not in parseaddr(each)[1]:
                raise ValueError(f"{each!r} is no e-mail address")
        return value

    @property
    def url(self) -> str:
        """The server as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'smtps' if self.security == 'tls' else 'smtp'}://{host}:{self.port}"


class Secrets(BaseModel):
    """What is sealed of a channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field("", max_length=2000)
    password: str = Field("", max_length=500)


class Saved(BaseModel):
    """A channel as it is saved: everyone who queries the store can read it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Line = Field(min_length=1)
    kind: Literal["webhook", "slack", "email"]
    mail: Mail | None = None
    place: str = Field("", description="Scheme and host of the address, for people.")
    sealed: str = ""


class Channel(BaseModel):
    """A channel as it is used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = ""
    name: Line = Field(min_length=1)
    kind: Literal["webhook", "slack", "email"]
    mail: Mail | None = None
    secrets: Secrets = Field(Secrets(url="", password=""), repr=False)

    @model_validator(mode="after")
    def _whole(self) -> "Channel":
        if (self.kind == "email") is not (self.mail is not None):
            raise ValueError("mail: an e-mail channel needs server, sender and recipients, and no other kind does")
        if self.kind != "email" and not self.secrets.url:
            raise ValueError("url: enter the address of the web hook")
        if self.kind != "email" and not self.secrets.url.startswith(("https://", "http://")):
            raise ValueError("url: an address begins with https:// or http://")
        return self

    @property
    def destination(self) -> str:
        """The URL that is checked before anything is sent."""
        return self.mail.url if self.mail else self.secrets.url

    def sealed(self, seal: Seal) -> dict[str, Any]:
        """Write it as it is saved."""
        scheme, _, rest = self.secrets.url.partition("://")
        place = f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}" if rest else ""
        saved = Saved(
            name=self.name, kind=self.kind, mail=self.mail, place=place, sealed=seal.close(self.secrets.model_dump())
        )
        return saved.model_dump(mode="json")


def channel_of(given: Mapping[str, Any], channel_id: str, known: Secrets | None = None) -> Channel:
    """Read a channel that somebody enters.

    Args:
        given: Its fields; ``url`` and ``password`` may be missing or empty where they are ``known``.
        channel_id: Its id.
        known: What was sealed before.

    Raises:
        ChannelError: If it cannot be used.
    """
    fields = dict(given)
    entered = {name: fields.pop(name, "") or (getattr(known, name) if known else "") for name in Secrets.model_fields}
    try:
        return Channel.model_validate({**fields, "id": channel_id, "secrets": entered})
    except ValidationError as error:
        raise ChannelError(_said(error)) from None


def opened(body: Mapping[str, Any], channel_id: str, seal: Seal) -> Channel:
    """Read a channel that was saved.

    Raises:
        ChannelError: If it is none.
        SealError: If it was sealed elsewhere.
    """
    saved = checked(body)
    return Channel(
        id=channel_id, name=saved.name, kind=saved.kind, mail=saved.mail, secrets=Secrets(**seal.open(saved.sealed))
    )


def checked(body: Mapping[str, Any]) -> Saved:
    """Read a saved channel without what is sealed.

    Raises:
        ChannelError: If it is none.
    """
    try:
        return Saved.model_validate(body)
    except ValidationError as error:
        raise ChannelError(_said(error)) from None


def _said(error: ValidationError) -> str:
    # without the input: it may be what must not be shown
    parts = []
    for each in error.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in each["loc"] if part != "secrets")
        message = str(each["msg"]).removeprefix("Value error, ")
        parts.append(f"{where}: {message}" if where else message)
    return "; ".join(parts)
