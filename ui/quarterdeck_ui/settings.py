"""Settings of the dashboard: flag over environment over default."""

from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from quarterdeck.serving import is_loopback
from quarterdeck_ui.access.members import listed

USERS_FILE: Final = "ui-users"
"""In the data directory: who may log in with a password."""

OIDC_METADATA: Final = "/.well-known/openid-configuration"
"""Below the issuer: where it describes itself."""


class Settings(BaseSettings):
    """Watch and steer AI pipelines in the browser."""

    model_config = SettingsConfigDict(
        env_prefix="QUARTERDECK_",
        cli_parse_args=False,
        cli_kebab_case=True,
        cli_prog_name="quarterdeck ui",
        cli_hide_none_type=True,
        extra="ignore",
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on; others than this machine's need a login.")
    ui_port: int = Field(default=8501, ge=1, le=65535, description="Port of the dashboard.")
    clickhouse_url: str = Field(
        default="http://127.0.0.1:8123",
        description="ClickHouse over HTTP: the collector's embedded engine, or a server (user:password@host).",
    )
    database: str = Field(default="quarterdeck", description="ClickHouse database that the collector fills.")
    runner_url: str = Field(default="http://127.0.0.1:8700", description="Runner that starts, pauses and cancels runs.")
    endpoint: str = Field(
        default="http://127.0.0.1:4318", description="Collector, asked for its health and for runs as OTLP."
    )

    data_dir: Path = Field(
        default=Path(".quarterdeck"), description="Folder of the password file and the cookies' key."
    )
    ui_login: Literal["none", "password", "oidc", "proxy"] = Field(
        default="none",
        description="How people log in: with a password ('quarterdeck user add'), at an OpenID Connect provider, "
        "or at a proxy that names them.",
    )
    ui_user_header: str = Field(default="X-Forwarded-User", description="Header in which the proxy names the user.")
    ui_trusted_proxies: str = Field(
        default="127.0.0.0/8 ::1", description="Addresses or networks of the proxy; requests from others are refused."
    )
    ui_operators: str = Field(
        default="",
        description="Who may steer runs, of those whom a proxy or provider names: names, @domains, groups of the "
        "provider, or *.",
    )
    ui_viewers: str = Field(
        default="", description="Who may only look, of those whom the provider names; behind a proxy everybody may."
    )
    ui_oidc_issuer: str = Field(
        default="", description="OpenID Connect provider, such as https://accounts.google.com; its metadata lie below."
    )
    ui_oidc_client_id: str = Field(
        default="",
        description="What the provider calls the dashboard; its secret is QUARTERDECK_UI_OIDC_SECRET.",
    )
    ui_oidc_scope: str = Field(default="openid email profile", description="What the provider is asked to tell.")
    ui_oidc_name: str = Field(default="email", description="Claim that names the person.")
    ui_oidc_groups: str = Field(default="groups", description="Claim with the person's groups, or the way to it: a.b.")
    ui_hosts: str = Field(
        default="", description="Names that the dashboard goes by besides localhost; requests by others are refused."
    )

    @property
    def users_file(self) -> Path:
        """Who may log in with a password."""
        return self.data_dir / USERS_FILE

    @property
    def secret_file(self) -> Path:
        """Key that session cookies are signed with."""
        return self.data_dir / "ui-secret"

    @field_validator("ui_trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for each in text.replace(",", " ").split():
            ip_network(each)
        return text

    @field_validator("ui_operators", "ui_viewers")
    @classmethod
    def _lists(cls, text: str) -> str:
        listed(text)
        return text

    @model_validator(mode="after")
    def _provider(self) -> Self:
        if self.ui_login != "oidc":
            return self
        issuer = urlsplit(self.ui_oidc_issuer)
        if not self.ui_oidc_issuer or not self.ui_oidc_client_id:
            raise ValueError("--ui-login oidc needs --ui-oidc-issuer and --ui-oidc-client-id")
        if issuer.scheme != "https" and not (issuer.scheme == "http" and is_loopback(issuer.hostname or "")):
            raise ValueError(f"{self.ui_oidc_issuer} must begin with https://: what it says could be forged on the way")
        if "openid" not in self.ui_oidc_scope.split():
            raise ValueError("--ui-oidc-scope must contain openid")
        if not listed(self.ui_operators) | listed(self.ui_viewers):
            raise ValueError(
                "nobody could come in: name people, @domains or groups of the provider in --ui-viewers and "
                "--ui-operators, or * for everybody whom it knows"
            )
        return self

    @model_validator(mode="after")
    def _no_open_door(self) -> Self:
        if self.ui_login == "none" and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} can be reached from other machines, and whoever reaches it can read your prompts and "
                "steer your runs; let people log in (--ui-login password, oidc or proxy), or listen on 127.0.0.1"
            )
        return self
