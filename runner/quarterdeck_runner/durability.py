"""DBOS Transact, set up for the runner: one database, one owner, no noise.

DBOS is a singleton of the process, and so is what this module sets up.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer
from typing_extensions import override

from quarterdeck.serving import sole_owner

QUEUE: Final = "runs"
APPLICATION_VERSION: Final = "engine-1"
"""Version of the interpreter, pinned: by default DBOS hashes the source, and an edit would strand yesterday's runs."""

_POLL_S: Final = 0.2
_THREADS: Final = 16
_THREADS_AFTER: Final = 2
_SQLITE: Final = "sqlite:///"
_MIGRATING: Final = 7_125_830_991
"""Number of the lock under which tables are made; any will do that nobody else takes."""
_NO_TROUBLE: Final = ("ancelled", "outcome was not recorded", "no longer owned by this execution")


@contextlib.contextmanager
def database(url: str) -> Iterator[None]:
    """Own the database until the block ends: two processes with one SQLite file would run the same steps twice.

    Args:
        url: as SQLAlchemy writes it.

    Raises:
        InUseError: another process owns it.
    """
    if is_shared(url):
        yield
        return
    path = Path(url.removeprefix(_SQLITE))
    with sole_owner(path.with_name(path.name + ".lock"), f"the runner's database {path}"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        yield


def is_shared(url: str) -> bool:
    """Whether several runners may work on a database."""
    return not url.startswith(_SQLITE)


def name_of_runner(url: str) -> str:
    """Name this runner: DBOS hands the runs of a name to whoever starts under it.

    Args:
        url: as SQLAlchemy writes it.
    """
    # On SQLite there is one process, which goes on with what it left. Elsewhere two must never share a name.
    return f"{socket.gethostname()}-{secrets.token_hex(4)}" if is_shared(url) else "local"


@contextlib.contextmanager
def one_at_a_time(url: str) -> Iterator[None]:
    """Let runners that start together make the tables of a shared database one after the other."""
    if not is_shared(url):
        yield
        return
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({_MIGRATING})"))
        yield
    engine.dispose()


async def launch(url: str, concurrency: int, me: str) -> None:
    """Start DBOS on the running event loop; it picks up the runs that were left under this name by itself.

    Args:
        url: as SQLAlchemy writes it.
        concurrency: runs at once.
        me: name of this runner.
    """
    quieten()
    config: DBOSConfig = {
        "name": "quarterdeck-runner",
        "system_database_url": url,
        "executor_id": me,
        "application_version": APPLICATION_VERSION,
        "serializer": DBOSPortableJSONSerializer(),
        "max_executor_threads": _THREADS,
        "enable_otlp": False,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    await DBOS.register_queue_async(QUEUE, worker_concurrency=concurrency, polling_interval_sec=_POLL_S)


async def land() -> None:
    """Stop DBOS; what is in flight goes on after the next launch."""
    # Until the next launch sets the level: what DBOS's own tasks say of its end is no news.
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)
    # DBOS had made its executor the loop's default and has closed it; the loop still needs one.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS_AFTER, "quarterdeck-runner"))


def quieten() -> None:
    """Keep DBOS's log to what is trouble."""
    logger = logging.getLogger("dbos")
    logger.__class__ = _Quiet
    if _only_trouble not in logger.filters:
        logger.addFilter(_only_trouble)


class _Quiet(logging.Logger):
    """Makes records of what is no trouble by itself: telemetry takes records where they are made, before any filter."""

    @override
    def makeRecord(self, *given: Any, **more: Any) -> logging.LogRecord:
        name, level, path, line, message, arguments, error, *_ = given
        record = logging.LogRecord(name, level, path, line, message, arguments, error)
        return super().makeRecord(*given, **more) if _only_trouble(record) else record


def _only_trouble(record: logging.LogRecord) -> bool:
    """DBOS warns of every cancel, with a traceback, which is no trouble here."""
    text = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    return not any(word in text for word in _NO_TROUBLE) and "Cancelled" not in type(error).__name__
