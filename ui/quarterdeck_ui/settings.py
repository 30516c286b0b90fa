"""Settings of the dashboard: flag over environment over default."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from quarterdeck.serving import require_loopback


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

    host: str = Field(default="127.0.0.1", description="Address to listen on; only addresses of this machine.")
    ui_port: int = Field(default=8501, ge=1, le=65535, description="Port of the dashboard.")
    clickhouse_url: str = Field(
        default="http://127.0.0.1:8123",
        description="ClickHouse over HTTP: the collector's embedded engine, or a server (user:password@host).",
    )
    database: str = Field(default="quarterdeck", description="ClickHouse database that the collector fills.")
    runner_url: str = Field(default="http://127.0.0.1:8700", description="Runner that starts, pauses and cancels runs.")
    endpoint: str = Field(default="http://127.0.0.1:4318", description="Collector, asked for its health only.")

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        return require_loopback(host, "read your prompts and steer your runs")
