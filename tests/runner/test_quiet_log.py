"""What the engine under the runner says of itself: a cancelled run is no error, to the telemetry neither."""

import logging
from collections.abc import Iterator

import pytest
from dbos import error as dbos_error

from quarterdeck_runner.durability import quieten
from support.runner import Runner

SLOW = """
workflow:
  name: to_be_cancelled
  steps:
    - {name: long, type: claude, prompt: "[[n:3000]][[delay:0.02]]"}
"""


@pytest.fixture
def made() -> Iterator[list[logging.LogRecord]]:
    """Records of DBOS that the record factory makes: there the telemetry takes them, before any filter is asked."""
    make, found = logging.getLogRecordFactory(), list[logging.LogRecord]()

    def factory(*given: object, **more: object) -> logging.LogRecord:
        record = make(*given, **more)
        if record.name == "dbos":
            found.append(record)
        return record

    logger, level = logging.getLogger("dbos"), logging.getLogger("dbos").level
    logging.setLogRecordFactory(factory)
    logger.setLevel(logging.WARNING)  # a runner that has ended in this process leaves it mute
    yield found
    logger.setLevel(level)
    logging.setLogRecordFactory(make)


def test_trouble_is_told_and_a_cancel_is_none(made: list[logging.LogRecord]) -> None:
    quieten()
    quieten()  # a second runner of the process
    logger, message = logging.getLogger("dbos"), "Exception encountered in asynchronous workflow:"
    logger.error(message, exc_info=dbos_error.DBOSAwaitedWorkflowCancelledError("run"))
    logger.warning("Workflow %s was cancelled during execution", "run")
    assert made == []
    logger.error(message, exc_info=OSError("disk full"))
    ((record,), error) = made, made[0].exc_info
    assert error is not None
    assert (record.funcName, record.getMessage(), str(error[1])) == (
        "test_trouble_is_told_and_a_cancel_is_none", message, "disk full",
    )  # fmt: skip


def test_a_cancelled_run_leaves_nothing_in_the_log(runner: Runner, made: list[logging.LogRecord]) -> None:
    run_id = runner.start(runner.pipeline(SLOW))
    runner.until(run_id, current_step="long")
    assert runner.tell(run_id, "cancel").json()["status"] == "cancelled"
    again = runner.tell(run_id, "retry").json()["id"]  # what the end of the first is told of is told meanwhile
    runner.until(again, current_step="long")
    runner.tell(again, "cancel")
    assert [record.getMessage() for record in made] == []
