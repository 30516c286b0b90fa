"""Everything that can be set on the collector: flag, then environment variable, then default."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, NoDecode, SettingsConfigDict

from quarterdeck import egress, price_file
from quarterdeck.tokens import TOKEN_FILE
from quarterdeck_collector.care.retention import Retention
from quarterdeck_collector.room import RESERVE

if TYPE_CHECKING:
    from quarterdeck_collector.forward.targets import Target
    from quarterdeck_collector.redaction import Redaction

MEBIBYTE: Final = 1 << 20

_NEXT_URL: Final = re.compile(r"[\s,]+(?=[a-z]+://)")
"""A comma may also be a part of a URL."""


class Settings(BaseSettings):
    """Receive OpenTelemetry over HTTP and gRPC, keep it in ClickHouse."""

    model_config = SettingsConfigDict(
        env_prefix="QUARTERDECK_",
        env_ignore_empty=True,
        cli_kebab_case=True,
        cli_prog_name="quarterdeck collector",
    )

    host: str = Field(
        "127.0.0.1", description="Address to listen on; one that other machines can reach needs a token first."
    )
    data_dir: Path = Field(
        Path(".quarterdeck"), description="Folder for the embedded store, segments not yet inserted, and tokens."
    )
    otlp_http_port: int = Field(4318, ge=0, le=65535, description="Port of OTLP over HTTP; 0 takes a free one.")
    otlp_grpc_port: int = Field(4317, ge=0, le=65535, description="Port of OTLP over gRPC; 0 takes a free one.")
    clickhouse_port: int = Field(
        8123,
        ge=0,
        le=65535,
        description="Port of the ClickHouse HTTP interface to the embedded store; 0 takes a free one.",
    )
    clickhouse_url: str | None = Field(
        None, description="http(s)://user:password@host:port of a ClickHouse server to use instead of the embedded one."
    )
    cluster: str = Field(
        "",
        pattern=r"^[\w{}.-]*$",
        description="Cluster of that server, as its configuration names it, for replicated and sharded tables.",
    )
    database: str = Field("quarterdeck", pattern=r"^[A-Za-z_]\w{0,62}$", description="ClickHouse database.")
    max_body_bytes: int = Field(
        64 * MEBIBYTE, gt=0, description="Largest OTLP request body, after decompression; larger ones get 413."
    )
    max_items: int = Field(
        100_000, gt=0, description="Most spans, log records or data points in one request; more get 413."
    )
    max_attributes: int = Field(
        10_000, gt=0, description="Most attributes of a span, log record or data point; one with more is rejected."
    )
    max_events: int = Field(10_000, gt=0, description="Most events of a span; one with more is rejected.")
    max_links: int = Field(10_000, gt=0, description="Most links of a span; one with more is rejected.")
    max_age_days: int = Field(1_000, gt=0, description="What is from longer ago, or from the future, is rejected.")
    max_inflight_bytes: int = Field(
        256 * MEBIBYTE, gt=0, description="Request bytes held in memory at once; above it requests get 503."
    )
    spool_max_bytes: int = Field(
        4096 * MEBIBYTE, gt=0, description="Bytes that may wait on disk for ClickHouse; above it requests get 503."
    )
    disk_reserve_bytes: int = Field(
        RESERVE,
        gt=0,
        description="Bytes of its disk that embedded ClickHouse leaves free, at most a fifth of the disk: below, it "
        "writes nothing; below twice as many, beside what waits, requests get 503.",
    )
    segment_max_bytes: int = Field(
        8 * MEBIBYTE, gt=0, description="A segment of this size is inserted at once if ClickHouse is free."
    )
    segment_max_age: float = Field(
        0.5, gt=0, description="Seconds after which a smaller segment is inserted if ClickHouse is free."
    )
    insert_share: float = Field(
        0.05,
        gt=0,
        le=1,
        description="Share of the time that inserts of smaller segments may take; they are gathered for up to 2 s.",
    )
    segment_hard_max_bytes: int = Field(
        48 * MEBIBYTE, gt=0, description="Size up to which a segment grows while ClickHouse is busy or away."
    )
    durability: Literal["segment", "full", "off"] = Field(
        "segment",
        description="What an acknowledged request survives: a power cut (segment), also one between its insert and "
        "ClickHouse's own write to disk (full), or only the end of the process (off).",
    )
    payload_search: CliImplicitFlag[bool] = Field(
        default=False,
        description="Keep a full-text index over prompts, answers and other payloads: built in the background when "
        "first set, kept when it no longer is.",
    )
    query_max_seconds: int = Field(60, gt=0, description="Longest query over the ClickHouse HTTP interface.")
    query_max_bytes: int = Field(
        2_000_000_000, gt=0, description="Memory that one query over the ClickHouse HTTP interface may take."
    )
    client_patience: float = Field(
        30, gt=0, description="Seconds that a client may take for its headers, its whole body, or to take an answer."
    )
    max_connections: int = Field(500, gt=0, description="Connections per port; requests on further ones get 503.")
    cors_origins: str = Field(
        "",
        description="Web pages that may send and follow telemetry from a browser: origins with commas between, or *.",
    )

    forward: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        repr=False,
        description="OTLP endpoints that get all clean spans, logs and metrics too, with spaces between them: "
        "http://jaeger:4318, grpcs://host?header.authorization=Bearer%20…&max_value_bytes=2048&signals=traces,logs.",
    )
    forward_max_bytes: int = Field(
        1024 * MEBIBYTE,
        gt=0,
        description="Bytes that may wait on disk for each of them; above it the oldest are dropped.",
    )
    ui_url: str = Field(
        "http://127.0.0.1:8501",
        pattern=r"^https?://[^\s?#]+$",
        description="Dashboard that alerts and trimmed values of forwarded spans link to.",
    )
    alert_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins inside your network that alerts may be sent to, with commas between them; public ones "
        "need no entry: http://10.0.0.7:4000, smtp://mail.internal:25.",
    )
    alerts_every: float = Field(15, ge=0.05, le=3600, description="Seconds between two looks at the alert rules.")
    redact: Annotated[tuple[str, ...], NoDecode] = Field(
        ("secrets",),
        description="What is replaced in every request: secrets, email, card (several with commas), or none.",
    )
    redact_file: Path | None = Field(None, description="TOML file with your own patterns and attribute keys to redact.")
    prices: Path | None = Field(
        None, description="TOML file with your own prices of models; they win over those of genai-prices."
    )
    keep_payloads_days: int = Field(
        30, ge=0, description="Days that prompts, responses and other bulky values of spans are kept; 0: for ever."
    )
    keep_days: int = Field(90, ge=0, description="Days that spans, logs and metrics are kept; 0: for ever.")
    keep_rollups_days: int = Field(
        400, ge=0, description="Days that runs, error groups and sums by minute and hour are kept; 0: for ever."
    )

    @field_validator("cluster")
    @classmethod
    def _of_a_server(cls, cluster: str, info: ValidationInfo) -> str:
        if cluster and not info.data.get("clickhouse_url"):
            raise ValueError("the embedded store is a single node; name a server of the cluster with --clickhouse-url")
        return cluster

    @field_validator("forward", mode="before")
    @classmethod
    def _endpoints(cls, value: Any) -> Any:
        return _NEXT_URL.split(value.strip()) if isinstance(value, str) else value

    @field_validator("forward")
    @classmethod
    def _targets_can_be_used(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        from quarterdeck_collector.forward.targets import parse_targets

        parse_targets(urls)
        return urls

    def targets(self) -> "tuple[Target, ...]":
        """Give the endpoints to forward to."""
        from quarterdeck_collector.forward.targets import parse_targets

        return parse_targets(self.forward)

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _alert_origins(cls, value: Any) -> Any:
        return _listed(value.replace(" ", ",")) if isinstance(value, str) else value

    @field_validator("alert_urls")
    @classmethod
    def _origins_of_alerts(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(egress.checked(url, mail=True) for url in urls)

    @field_validator("redact", mode="before")
    @classmethod
    def _rule_names(cls, value: Any) -> Any:
        names = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value
        return tuple(name for name in names if name not in ("none", ""))

    @field_validator("redact")
    @classmethod
    def _rules_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from quarterdeck_collector.redaction import from_settings

        from_settings(names, None)
        return names

    @field_validator("redact_file")
    @classmethod
    def _rules_can_be_used(cls, file: Path | None) -> Path | None:
        from quarterdeck_collector.redaction import from_settings

        from_settings((), file)
        return file

    def redaction(self) -> "Redaction":
        """Make the redaction rules.

        Raises:
            RuleError: If they cannot be used.
        """
        from quarterdeck_collector.redaction import from_settings

        return from_settings(self.redact, self.redact_file)

    @field_validator("prices")
    @classmethod
    def _prices_can_be_read(cls, path: Path | None) -> Path | None:
        if path is not None:
            price_file.read(path)
        return path

    @property
    def retention(self) -> Retention:
        """How long data are kept."""
        return Retention(self.keep_payloads_days, self.keep_days, self.keep_rollups_days)

    @field_validator("cors_origins")
    @classmethod
    def _origins_only(cls, text: str) -> str:
        for origin in _listed(text):
            parts = urlsplit(origin)
            if origin not in ("*", f"{parts.scheme}://{parts.netloc}"):
                raise ValueError(f"{origin!r} is no origin; write scheme://host or scheme://host:port")
        return text

    @property
    def cors(self) -> list[str]:
        """Origins that may call from a browser."""
        return _listed(self.cors_origins)

    @property
    def token_file(self) -> Path:
        """Who may come in."""
        return self.data_dir / TOKEN_FILE

    @property
    def lock_file(self) -> Path:
        """Held by the collector that runs on the data directory; ``serving.owner_of`` gives its address."""
        return self.data_dir / "collector.lock"

    @property
    def optional_migrations(self) -> tuple[str, ...]:
        """Names of the files of ``schema/optional/`` that are wanted."""
        return ("payload_search",) if self.payload_search else ()

    @property
    def segments_dir(self) -> Path:
        """Folder of the segments."""
        return self.data_dir / "segments"

    @property
    def recent_logs_dir(self) -> Path:
        """Folder of the log segments kept for listeners who come back."""
        return self.data_dir / "recent-logs"

    @property
    def forward_dir(self) -> Path:
        """Folder of what waits for forwarding targets."""
        return self.data_dir / "forward"

    @property
    def store_dir(self) -> Path:
        """Folder of the embedded engine."""
        return self.data_dir / "store"


def _listed(text: str) -> list[str]:
    return [part.strip().rstrip("/") for part in text.split(",") if part.strip()]
