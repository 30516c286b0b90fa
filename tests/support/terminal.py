"""A command in a terminal of its own, as a person sees it."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_PATIENCE = 60.0
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Terminal:
    """What a command has written to its terminal, and its keyboard."""

    process: subprocess.Popen[bytes]
    master: int
    written: str = ""

    @property
    def plain(self) -> str:
        """What is written, without colours."""
        return _STYLE.sub("", self.written).replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Read on until a text is there.

        Raises:
            AssertionError: it does not come.
        """
        deadline = time.monotonic() + _PATIENCE
        while text not in self.plain:
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{self.plain}"
            if not self._read():
                raise AssertionError(f"ended without {text!r}:\n{self.plain}")

    def press(self, keys: str) -> None:
        """Type something; ``\\x03`` is Ctrl+C."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Read to the end and give the exit code."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        """Read what there is; says whether there may be more."""
        ready, _, _ = select.select([self.master], [], [], _PATIENCE)
        assert ready, f"nothing more came:\n{self.plain}"
        try:
            found = os.read(self.master, 1 << 16)
        except OSError:  # on Linux the end of a terminal is an error
            return False
        self.written += found.decode(errors="replace")
        return bool(found)


@contextlib.contextmanager
def terminal(*words: str, environ: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Run ``quarterdeck`` with arguments in a terminal until the block ends."""
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", **(environ or {})}
    env.pop("NO_COLOR", None) if "NO_COLOR" not in (environ or {}) else None
    process = subprocess.Popen(
        [sys.executable, "-m", "quarterdeck", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env,
        start_new_session=True,
        preexec_fn=lambda: _own(slave),  # noqa: PLW1509 - no thread of this process holds a lock that the child needs
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(master)


def _own(slave: int) -> None:
    """Make the terminal that of the process, so that Ctrl+C reaches it."""
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def quarterdeck(*words: str, given: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run ``quarterdeck`` with arguments, without a terminal, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, **environ},
    )
