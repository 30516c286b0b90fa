"""What ``init`` was asked for, the environment and the defaults, put together."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from quarterdeck import otel_variables
from quarterdeck.addresses import base_url, check_installed, default_endpoint, default_service_name
from quarterdeck.capture import MODES, Mode, from_environment
from quarterdeck.disk_buffer import DEFAULT_BYTES, OFF, default_folder
from quarterdeck.outlets import Buffer
from quarterdeck.redaction import RULES

log: Final = logging.getLogger("quarterdeck")


class ConfigError(ValueError):
    """An argument of :func:`init` that cannot mean anything; the message says what to pass instead."""


@dataclass(frozen=True)
class Settings:
    """What ``init`` was asked for, resolved against the environment."""

    endpoint: str
    service_name: str
    runner_url: str
    capture: Mode
    resource_attributes: tuple[tuple[str, Any], ...] = ()
    token: str = field(default="", repr=False)
    standard: bool = False
    buffer: Buffer = field(default_factory=Buffer)
    urls: tuple[str, ...] = field(default=(), repr=False)
    rules: tuple[str, ...] = RULES[:1]

    @classmethod
    def revived(cls, plain: Mapping[str, Any]) -> Self:
        """Make settings of what :func:`dataclasses.asdict` and JSON made of some.

        Args:
            plain: a field each.
        """
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        given["resource_attributes"] = tuple(map(tuple, plain["resource_attributes"]))
        return cls(**{**given, "buffer": Buffer(**plain["buffer"])})


def resolve(
    endpoint: str | None,
    service_name: str | None,
    runner_url: str | None,
    mode: Mode | None,
    resource_attributes: Mapping[str, Any] | None,
    *,
    token: str | None = None,
    buffer: str | os.PathLike[str] | None = None,
) -> Settings:
    """Put the arguments of ``init``, the environment and the defaults together.

    Raises:
        ConfigError: if an argument has a wrong type, or what it needs is not installed.
    """
    texts = {"endpoint": endpoint, "service_name": service_name, "runner_url": runner_url, "token": token}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"{name} must be a string, not {type(value).__name__}")
    try:
        check_installed(endpoint or "")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if mode is not None and mode not in MODES:
        raise ConfigError(f"capture must be one of {', '.join(MODES)}, not {mode!r}")
    if resource_attributes is not None and not isinstance(resource_attributes, Mapping):
        raise ConfigError(f"resource_attributes must be a mapping, not {type(resource_attributes).__name__}")
    if buffer is not None and not isinstance(buffer, (str, os.PathLike)):
        raise ConfigError(f"buffer must be a folder, or '' for none, not {type(buffer).__name__}")
    runner = os.environ.get("QUARTERDECK_RUNNER_URL", "") if runner_url is None else runner_url
    address, standard = default_endpoint() if endpoint is None else (endpoint, False)
    return Settings(
        endpoint=base_url(address, "endpoint"),
        standard=standard,
        buffer=_buffer(buffer),
        service_name=service_name or default_service_name(),
        runner_url=base_url(runner, "runner", otlp=False),
        capture=mode or from_environment().mode,
        resource_attributes=tuple(sorted((resource_attributes or {}).items())),
        token=os.environ.get("QUARTERDECK_TOKEN", "").strip() if token is None else token,
    )


def _buffer(given: str | os.PathLike[str] | None) -> Buffer:
    folder = otel_variables.text("QUARTERDECK_BUFFER_DIR") or default_folder() if given is None else os.fspath(given)
    limit = os.environ.get("QUARTERDECK_BUFFER_MAX_BYTES", "").strip() or str(DEFAULT_BYTES)
    if not limit.isdecimal():
        log.warning("QUARTERDECK_BUFFER_MAX_BYTES should be a number of bytes, not %r", limit)
    return Buffer("" if folder == OFF else folder, int(limit) if limit.isdecimal() else DEFAULT_BYTES)
