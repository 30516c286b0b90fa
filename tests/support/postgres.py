"""A Postgres server of our own: on a free port, in a temporary folder, as somebody who is not root."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from support.deck import free_ports
from support.waiting import eventually


def binaries() -> Path | None:
    """Folder of the programs of Postgres, the newest version; ``None`` where there are none."""
    beside = [Path(found).resolve().parent for name in ("initdb", "postgres") if (found := shutil.which(name))]
    folders = [*beside, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return next((each for each in folders if (each / "initdb").exists() and (each / "postgres").exists()), None)


@contextlib.contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """Run a server until the block ends and give the URL of its first database.

    Args:
        programs: folder of ``initdb`` and ``postgres``.
    """
    # Postgres refuses to run as root.
    somebody: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="quarterdeck-postgres-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        if somebody:
            shutil.chown(folder, "nobody", "nogroup")
            shutil.chown(data, "nobody", "nogroup")
        data.chmod(0o700)
        make = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "deck",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **somebody)
        (port,) = free_ports(1)
        serve = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
        log = Path(folder) / "log"
        with log.open("w") as output:
            server = subprocess.Popen(serve, stdout=output, stderr=output, text=True, cwd=folder, **somebody)
        url = f"postgresql://deck@127.0.0.1:{port}/postgres"
        try:
            eventually(lambda: _answers(url, server, log), 60)
            yield url
        finally:
            # SIGINT: disconnect everybody and stop.
            server.send_signal(2)
            server.wait(90)


def _answers(url: str, server: "subprocess.Popen[str]", log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False
