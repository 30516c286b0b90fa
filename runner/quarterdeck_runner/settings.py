"""Everything that can be set on the runner: flag, then environment variable, then default."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from quarterdeck import egress, price_file
from quarterdeck.tokens import TOKEN_FILE
from quarterdeck_runner import limits

_MEBIBYTE: Final = 1 << 20


class Settings(BaseSettings):
    """Run pipelines and steer them over REST."""

    model_config = SettingsConfigDict(
        env_prefix="QUARTERDECK_",
        env_ignore_empty=True,
        cli_kebab_case=True,
        cli_prog_name="quarterdeck runner",
    )

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; one that other machines can reach needs a token first."
    )
    runner_port: int = Field(
        default=8700, ge=0, le=65535, description="Port of the REST interface; 0 takes a free one."
    )
    data_dir: Path = Field(
        default=Path(".quarterdeck"), description="Folder for the runner's database and for output files."
    )
    runner_db: str | None = Field(
        default=None,
        description="SQLite file or postgresql:// URL of the runs; default: runner.sqlite in the data directory.",
    )
    pipelines: Path = Field(default=Path("pipelines"), description="Folder with the pipelines: files *.yaml and *.yml.")
    modules: Annotated[list[str], NoDecode] = Field(
        default=[],
        validation_alias=AliasChoices("module", "modules", "QUARTERDECK_MODULES"),
        description="Python module whose decorated pipelines can be started, or module:function; several with commas.",
    )
    module_memory_mb: int = Field(
        default=0, ge=0, description="Memory that the process of a Python pipeline may take, in MiB; 0 for no limit."
    )
    prices: Path | None = Field(
        default=None, description="TOML file with your own prices of models; they win over those of genai-prices."
    )
    runner_concurrency: int = Field(default=20, ge=1, le=1000, description="Runs at once; further ones wait.")
    runner_lost_after: float = Field(
        default=10.0,
        ge=1,
        description="Seconds of silence after which other runners on the same Postgres take over the runs of one.",
    )
    provider_concurrency: Annotated[dict[str, int], NoDecode] = Field(
        default={}, description="Model calls at once by provider, such as claude=8,gemini=4; further ones wait."
    )
    provider_rate: Annotated[dict[str, int], NoDecode] = Field(
        default={}, description="Model calls in a minute by provider, such as claude=300,gemini=60; further ones wait."
    )

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Further names by which the runner may be called, such as that of a proxy in front, with commas.",
    )
    key_store: Literal["auto", "keyring", "file", "none"] = Field(
        default="auto",
        description="Where provider keys are kept that are set over REST: the system's keyring, or a file encrypted "
        "with the secret in QUARTERDECK_KEY_SECRET; auto: the file if there is a secret, else the keyring.",
    )
    provider_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins that a provider key may be sent to instead of its provider, with commas: "
        "https://gateway.example.org, http://10.0.0.7:4000, or https://*.example.org for public addresses.",
    )
    runner_max_body_bytes: int = Field(
        default=8 * _MEBIBYTE, gt=0, description="Largest request body; larger ones get 413."
    )
    client_patience: float = Field(
        default=30, gt=0, description="Seconds that a client may take for its headers, its body, or to take an answer."
    )
    max_connections: int = Field(
        default=500, gt=0, description="Connections at once; requests on further ones get 503."
    )

    @field_validator("modules", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        texts = [given] if isinstance(given, str) else given
        return [word for text in texts for word in str(text).replace(",", " ").split()]

    @field_validator("modules")
    @classmethod
    def _module_names(cls, names: list[str]) -> list[str]:
        for name in names:
            if not all(part.isidentifier() for part in name.replace(":", ".").split(".")) or name.count(":") > 1:
                raise ValueError(f"write 'package.module' or 'package.module:function', not '{name}'")
        return names

    @field_validator("provider_concurrency", "provider_rate", mode="before")
    @classmethod
    def _by_provider(cls, given: Any) -> Any:
        return limits.parsed(given) if isinstance(given, str) else given

    @field_validator("allowed_hosts", "provider_urls", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(re.split(r"[\s,]+", value.strip())) if isinstance(value, str) and value.strip() else value or ()

    @field_validator("provider_urls")
    @classmethod
    def _origins(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(egress.checked(url) for url in urls)

    @field_validator("prices")
    @classmethod
    def _prices_can_be_read(cls, path: Path | None) -> Path | None:
        if path is not None:
            price_file.read(path)
        return path

    @property
    def database_url(self) -> str:
        """The database, as SQLAlchemy writes it."""
        given = self.runner_db
        if given is None:
            return f"sqlite:///{(self.data_dir / 'runner.sqlite').absolute()}"
        if given.startswith(("postgresql://", "postgres://")):
            return f"postgresql+psycopg://{given.partition('://')[2]}"
        if "://" in given:
            return given
        return f"sqlite:///{Path(given).absolute()}"

    @property
    def token_file(self) -> Path:
        """Who may come in."""
        return self.data_dir / TOKEN_FILE

    @property
    def outputs_dir(self) -> Path:
        """Root folder of output files."""
        return (self.data_dir / "outputs").absolute()
