"""What the engine under the runner says of itself: a cancelled run is no error, to the telemetry neither."""

import logging
from collections.abc import Iterator

import pytest
from dbos.error import DBOSAwaitedWorkflowCancelledError

from quarterdeck_runner.durability import quieten
from support.runner import Runner, eventually

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

    logging.setLogRecordFactory(factory)
    yield found
    logging.setLogRecordFactory(make)


def test_trouble_is_told_and_a_cancel_is_none(made: list[logging.LogRecord]) -> None:
    quieten()
    quieten()  # a second runner of the process
    logger, message = logging.getLogger("dbos"), "Exception encountered in asynchronous workflow:"
    logger.error(message, exc_info=DBOSAwaitedWorkflowCancelledError("run"))
    logger.warning("Workflow %s was cancelled during execution", "run")
    assert made == []
    logger.error(message, exc_info=OSError("disk full"))
    ((record,), error) = made, made[0].exc_info
    assert error is not None
    assert (record.funcName, record.getMessage(), str(error[1])) == (
        "test_trouble_is_told_and_a_cancel_is_none", message, "disk full",
    )  # fmt: skip


def test_a_cancelled_run_leaves_no_error_in_the_log(runner: Runner, made: list[logging.LogRecord]) -> None:
    name = runner.pipeline(SLOW)
    for status in ("cancelled", "paused"):
        run_id = runner.start(name)
        runner.until(run_id, current_step="long")
        runner.tell(run_id, "cancel" if status == "cancelled" else "pause")
    runner.tell(run_id, "cancel")
    app = runner.app
    assert app is not None
    eventually(lambda: runner.run(run_id)["status"] == "cancelled")
    assert [record.getMessage() for record in made] == []
