"""``quarterdeck up``: the whole deck on one machine, ended as one."""

import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from quarterdeck.cli.processes import (
    Child,
    Service,
    child_environment,
    free_port,
    port_is_free,
    wait_until_ready,
)
from quarterdeck.cli.settings import UpOptions, parse
from quarterdeck.cli.stand_in import examples_folder, missing_keys, stand_in_environment
from quarterdeck.serving import INTERNAL_TOKEN, new_token, require_loopback

_READY_SECONDS = 60.0
_STAND_IN_PORT = 8790


def main(argv: Sequence[str]) -> int:
    """Start everything, wait for Ctrl-C, end everything.

    Returns:
        0 after Ctrl-C or SIGTERM, 1 when a service failed, 2 when it could not start at all.
    """
    options = parse(argv)
    refusal = _missing_packages() or _open_door(options["host"]) or _busy_ports(options)
    if refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - a command line answers on its streams
        return 2
    return _Deck(options).run()


def _missing_packages() -> str:
    absent = [name for name in ("fastapi", "chdb", "dbos", "streamlit") if find_spec(name) is None]
    if not absent:
        return ""
    return f"quarterdeck up needs {', '.join(absent)}. Install everything with: pip install 'quarterdeck[all]'"


def _open_door(host: str) -> str:
    try:
        require_loopback(host, "read your telemetry and spend your API keys")
    except ValueError as error:
        return str(error)
    return ""


def _busy_ports(options: UpOptions) -> str:
    names = ["otlp-http-port", "otlp-grpc-port", "runner-port", "ui-port"]
    if not options["clickhouse-url"]:
        names.insert(2, "clickhouse-port")
    lines = [
        f"port {options[name]} is in use: stop the program that listens there (another Quarterdeck?) "
        f"or choose another port with --{name} / QUARTERDECK_{name.upper().replace('-', '_')}"
        for name in names
        if not port_is_free(options["host"], options.port(name))
    ]
    return "\n".join(lines)


@dataclass
class _Deck:
    """The running services, in the order in which they end: those that write before those that store."""

    options: UpOptions
    children: list[Child] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    token: str = field(default_factory=new_token, repr=False)
    """Lets these services talk to each other, should the collector ask for tokens."""

    def run(self) -> int:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)
        began = time.monotonic()
        data = Path(self.options["data-dir"]).resolve()
        (data / "logs").mkdir(parents=True, exist_ok=True)
        try:
            problem = self._start(data)
            if not problem and not self.stop.is_set():
                _say(self._addresses(data, time.monotonic() - began))
                self._open_browser()
                problem = self._watch()
        finally:
            self._end()
        if problem:
            print(problem, file=sys.stderr)  # noqa: T201 - as above
        return 1 if problem else 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop.set()

    def _start(self, data: Path) -> str:
        logs = data / "logs"
        environment = child_environment(self._environment(data))
        waiting = [Child(service, environment, logs) for service in self._services(environment)]
        self.children.extend(waiting)
        for child in waiting:
            problem = self._await(child)
            if problem:
                return problem
        if self.options.demo:
            demo = Service("demo", "quarterdeck_runner.demo", [], "")
            self.children.append(Child(demo, environment, logs))
        return ""

    def _await(self, child: Child) -> str:
        problem = wait_until_ready(child, _READY_SECONDS, self.stop)
        return f"{problem}\n{child.last_words()}\n(whole log: {child.log})" if problem else ""

    def _environment(self, data: Path) -> dict[str, str]:
        host = self.options["host"]
        result = {
            **self.options.environment(),
            "QUARTERDECK_DATA_DIR": str(data),
            "QUARTERDECK_PIPELINES": self._pipelines(),
            "QUARTERDECK_ENDPOINT": f"http://{host}:{self.options['otlp-http-port']}",
            "QUARTERDECK_RUNNER_URL": f"http://{host}:{self.options['runner-port']}",
            "QUARTERDECK_UI_URL": os.environ.get("QUARTERDECK_UI_URL") or f"http://{host}:{self.options['ui-port']}",
            "QUARTERDECK_TOKEN": self.token,
        }
        if self.options.demo and missing_keys():
            port = free_port("127.0.0.1", int(os.environ.get("QUARTERDECK_STAND_IN_PORT") or _STAND_IN_PORT))
            result |= stand_in_environment(f"http://127.0.0.1:{port}")
            result["QUARTERDECK_STAND_IN_PORT"] = str(port)
        return result

    def _clickhouse(self, credentials: str = "") -> str:
        own = f"http://{credentials}{self.options['host']}:{self.options['clickhouse-port']}"
        return self.options["clickhouse-url"] or own

    def _pipelines(self) -> str:
        chosen = self.options["pipelines"] or ("./pipelines" if Path("./pipelines").is_dir() else "")
        return str(Path(chosen).resolve()) if chosen else str(examples_folder() / "pipelines")

    def _services(self, environment: dict[str, str]) -> list[Service]:
        host = self.options["host"]
        otlp, runner, ui = (self.options[f"{n}-port"] for n in ("otlp-http", "runner", "ui"))
        # For the ui only: it would tell the collector to use a server instead of its own engine.
        reader = {"QUARTERDECK_CLICKHOUSE_URL": self._clickhouse(f"default:{self.token}@")}
        door = {INTERNAL_TOKEN: self.token}
        services = [
            Service("collector", "quarterdeck_collector", [], f"http://{host}:{otlp}/readyz", door),
            Service("ui", "quarterdeck_ui", [], f"http://{host}:{ui}/_stcore/health", reader),
            Service("runner", "quarterdeck_runner", [], f"http://{host}:{runner}/readyz", door),
        ]
        if self.options.demo and missing_keys():
            port = environment["QUARTERDECK_STAND_IN_PORT"]
            url = f"http://127.0.0.1:{port}"
            module = "quarterdeck_runner.demo.provider"
            services.append(Service("provider-stand-in", module, ["--port", port], f"{url}/healthz"))
        return services

    def _addresses(self, data: Path, seconds: float) -> str:
        host, o = self.options["host"], self.options
        rows = [
            ("dashboard", f"http://{host}:{o['ui-port']}"),
            ("OTLP/HTTP", f"http://{host}:{o['otlp-http-port']}   (any OpenTelemetry exporter)"),
            ("OTLP/gRPC", f"http://{host}:{o['otlp-grpc-port']}"),
            ("ClickHouse", f"{self._clickhouse()}   (read-only SQL)"),
            ("runner API", f"http://{host}:{o['runner-port']}/docs"),
            ("data, logs", str(data)),
        ]
        if o.demo:
            missing = " and ".join(missing_keys())
            who = f"a local stand-in answers for {missing} (no API key set)" if missing else "real providers, one round"
            rows.append(("demo", who))
        lines = [f"  {name:<11} {text}" for name, text in rows]
        return "\n".join([f"Quarterdeck is up ({seconds:.1f} s)", *lines, "Ctrl-C ends everything."])

    def _open_browser(self) -> None:
        has_display = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        if self.options.browser and has_display:
            webbrowser.open(f"http://{self.options['host']}:{self.options['ui-port']}")

    def _watch(self) -> str:
        while not self.stop.wait(0.5):
            for child in list(self.children):
                code = child.exit_code()
                if code is None:
                    continue
                if child.service.name != "demo":
                    return f"{child.service.name} ended with exit code {code}\n{child.last_words()}"
                self.children.remove(child)
                if code:
                    _say(f"the demo ended with exit code {code}; its log: {child.log}")
        return ""

    def _end(self) -> None:
        for name in ("demo", "runner", "ui", "collector", "provider-stand-in"):
            for child in self.children:
                if child.service.name == name:
                    child.terminate()
                    child.wait()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command line answers on standard output
