"""Which libraries, in which versions, each dialect is recorded with."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_OTEL = ("opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2")
_OLD_OTEL = ("opentelemetry-sdk==1.33.1", "opentelemetry-exporter-otlp-proto-http==1.33.1", "wrapt<2", "setuptools<80")
_CLIENTS = ("anthropic==2.12.0", "google-genai==3.4.0")

PYTHON: dict[str, tuple[str, ...]] = {
    "new": (
        *_CLIENTS,
        *_OTEL,
        "opentelemetry-instrumentation-genai-anthropic==1.3b0",
        "opentelemetry-instrumentation-google-genai==1.3b0",
        "openinference-instrumentation-anthropic==3.1.0",
        "openinference-instrumentation-google-genai==1.4.14",
        "opentelemetry-instrumentation-anthropic==0.62.4",
        "opentelemetry-instrumentation-google-generativeai==0.62.4",
    ),
    "logfire": (*_CLIENTS, "logfire==5.4.0", "opentelemetry-instrumentation-google-genai==1.3b0"),
    "langfuse": (*_CLIENTS, "langfuse==5.0.4"),
    "traceloop": (*_CLIENTS, "traceloop-sdk==0.62.4", "httpx"),
    "llmetry-mid": (
        *("anthropic==0.79.0", "google-genai==1.39.1", *_OLD_OTEL),
        "opentelemetry-instrumentation-anthropic==0.47.5",
        "opentelemetry-instrumentation-google-generativeai==0.47.5",
    ),
    "llmetry-old": (
        *("anthropic==0.39.0", "google-generativeai==0.8.6", "httpx<0.28", "setuptools<80"),
        *("opentelemetry-sdk==1.28.2", "opentelemetry-exporter-otlp-proto-http==1.28.2"),
        "opentelemetry-instrumentation-anthropic==0.33.12",
        "opentelemetry-instrumentation-google-generativeai==0.33.12",
    ),
    "genai-old": (
        *("anthropic==0.49.0", "google-genai==1.19.0", *_OLD_OTEL),
        "opentelemetry-instrumentation-google-genai==0.2b0",
        "openinference-instrumentation-anthropic==0.1.10",
        "openinference-instrumentation-google-genai==0.1.1",
    ),
    "anthropic-old": ("anthropic==1.8.0", *_OTEL, "opentelemetry-instrumentation-genai-anthropic==1.3b0"),
    "qd": (
        *(*_CLIENTS, *_OTEL),
        "openinference-instrumentation-anthropic==3.1.0",
        "openinference-instrumentation-google-genai==1.4.14",
    ),
}
"""Packages of the Python environments; ``qd`` also holds the SDK of this folder."""

NODE: dict[str, tuple[str, ...]] = {
    "node-7": ("ai@7.0.173", "@ai-sdk/otel@1.0.173", "@ai-sdk/anthropic@4.0.105", "@ai-sdk/google@4.0.121", "zod@4"),
    "node-5": ("ai@5.0.277", "@ai-sdk/anthropic@2", "@ai-sdk/google@2", "zod@4"),
    "node-4": ("ai@4.3.6", "@ai-sdk/anthropic@1", "@ai-sdk/google@1", "zod@3"),
}
"""Packages of the Node environments, next to the OpenTelemetry SDK."""

_NODE_OTEL = (
    *("@opentelemetry/api@1.9.1", "@opentelemetry/sdk-trace-node@2.12.0"),
    *("@opentelemetry/exporter-trace-otlp-proto@0.223.1", "node@22"),
)

HOMES: dict[str, str] = {
    "anthropic-sdk": "new",
    "genai-anthropic": "new",
    "genai-anthropic-1.8": "anthropic-old",
    "genai-google": "new",
    "genai-google-0.2": "genai-old",
    "openinference-anthropic": "new",
    "openinference-google": "new",
    "openinference-both-anthropic": "new",
    "openinference-both-google": "new",
    "openinference-anthropic-0.1": "genai-old",
    "openinference-google-0.1": "genai-old",
    "openllmetry-anthropic": "new",
    "openllmetry-google": "new",
    "openllmetry-anthropic-0.47": "llmetry-mid",
    "openllmetry-google-0.47": "llmetry-mid",
    "openllmetry-anthropic-0.33": "llmetry-old",
    "openllmetry-google-0.33": "llmetry-old",
    "traceloop": "traceloop",
    "logfire-anthropic": "logfire",
    "logfire-google": "logfire",
    "langfuse-anthropic": "langfuse",
    "langfuse-google": "langfuse",
    "quarterdeck-anthropic": "qd",
    "quarterdeck-google": "qd",
    "double-sdk-genai": "new",
    "double-sdk-openinference": "new",
    "double-sdk-openllmetry": "new",
    "double-sdk-logfire": "logfire",
    "double-sdk-langfuse": "langfuse",
    "double-quarterdeck-openinference-anthropic": "qd",
    "double-quarterdeck-openinference-google": "qd",
    "double-genai-openinference-google": "new",
    "vercel-gen-ai": "node-7",
    "vercel-legacy": "node-7",
    "vercel-5": "node-5",
    "vercel-4": "node-4",
}
"""The environment of each dialect."""


@dataclass(frozen=True)
class Environment:
    """A folder with installed libraries."""

    name: str
    project: Path

    def make(self, folder: Path) -> None:
        """Install the packages unless the environment is there."""
        home = folder / self.name
        if home.exists():
            return
        if self.name in NODE:
            home.mkdir(parents=True)
            packages = [*NODE[self.name], *_NODE_OTEL]
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=home, check=True)
            return
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        packages = [*PYTHON[self.name], *([str(self.project)] if self.name == "qd" else [])]
        subprocess.run([str(home / "bin/python"), "-m", "pip", "install", "--pre", "-q", *packages], check=True)

    def command(self, folder: Path, dialect: str, url: str) -> list[str]:
        """The command that runs the scenarios of a dialect."""
        home = folder / self.name
        if self.name in NODE:
            shim = home / "vercel.mjs"
            shim.write_bytes((folder / "program/recording/vercel.mjs").read_bytes())
            return [str(home / "node_modules/.bin/node"), str(shim), dialect, url]
        return [str(home / "bin/python"), "-m", "recording.drive", dialect, url]

    def settings(self, folder: Path, dialect: str) -> dict[str, str]:
        """Environment variables of that command."""
        if self.name in NODE:
            return {}
        from recording.drive import DIALECTS

        return {"PYTHONPATH": str(folder / "program"), **DIALECTS[dialect][0]}


def environment_of(project: Path) -> dict[str, Environment]:
    """The environment of every dialect.

    Args:
        project: folder of this project, whose SDK is one of the libraries.
    """
    return {dialect: Environment(name, project) for dialect, name in HOMES.items()}
