"""Everything that can be set on the runner: flag, then environment variable, then default."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from quarterdeck import price_file
from quarterdeck.serving import require_loopback


class Settings(BaseSettings):
    """Run pipelines and steer them over REST."""

    model_config = SettingsConfigDict(
        env_prefix="QUARTERDECK_",
        env_ignore_empty=True,
        cli_kebab_case=True,
        cli_prog_name="quarterdeck runner",
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on; only addresses of this machine.")
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
    prices: Path | None = Field(
        default=None, description="TOML file with your own prices of models; they win over those of genai-prices."
    )
    runner_concurrency: int = Field(default=20, ge=1, le=1000, description="Runs at once; further ones wait.")

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        return require_loopback(host, "spend your API keys")

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
    def outputs_dir(self) -> Path:
        """Root folder of output files."""
        return (self.data_dir / "outputs").absolute()
