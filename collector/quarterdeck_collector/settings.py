"""Everything that can be set on the collector: flag, then environment variable, then default."""

from pathlib import Path
from typing import Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from quarterdeck.serving import require_loopback

MEBIBYTE: Final = 1 << 20


class Settings(BaseSettings):
    """Receive OpenTelemetry over HTTP, keep it in ClickHouse."""

    model_config = SettingsConfigDict(
        env_prefix="QUARTERDECK_",
        env_ignore_empty=True,
        cli_kebab_case=True,
        cli_prog_name="quarterdeck collector",
    )

    host: str = Field("127.0.0.1", description="Address to listen on; only addresses of this machine.")
    data_dir: Path = Field(
        Path(".quarterdeck"), description="Folder for the embedded store and for segments not yet inserted."
    )
    otlp_http_port: int = Field(4318, ge=0, le=65535, description="Port of OTLP over HTTP; 0 takes a free one.")
    clickhouse_port: int = Field(
        8123,
        ge=0,
        le=65535,
        description="Port of the ClickHouse HTTP interface to the embedded store; 0 takes a free one.",
    )
    clickhouse_url: str | None = Field(
        None, description="http(s)://user:password@host:port of a ClickHouse server to use instead of the embedded one."
    )
    database: str = Field("quarterdeck", pattern=r"^[A-Za-z_]\w{0,62}$", description="ClickHouse database.")
    max_body_bytes: int = Field(
        64 * MEBIBYTE, gt=0, description="Largest OTLP request body, after decompression; larger ones get 413."
    )
    max_inflight_bytes: int = Field(
        256 * MEBIBYTE, gt=0, description="Request bytes held in memory at once; above it requests get 503."
    )
    spool_max_bytes: int = Field(
        4096 * MEBIBYTE, gt=0, description="Bytes that may wait on disk for ClickHouse; above it requests get 503."
    )
    segment_max_bytes: int = Field(8 * MEBIBYTE, gt=0, description="A segment of this size is inserted at once.")
    segment_max_age: float = Field(0.5, gt=0, description="Seconds after which a smaller segment is inserted.")
    query_max_seconds: int = Field(60, gt=0, description="Longest query over the ClickHouse HTTP interface.")
    query_max_bytes: int = Field(
        2_000_000_000, gt=0, description="Memory that one query over the ClickHouse HTTP interface may take."
    )

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        return require_loopback(host, "read and write your telemetry")

    @property
    def segments_dir(self) -> Path:
        """Folder of the segments."""
        return self.data_dir / "segments"

    @property
    def store_dir(self) -> Path:
        """Folder of the embedded engine."""
        return self.data_dir / "store"
