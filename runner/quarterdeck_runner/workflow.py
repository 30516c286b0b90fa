"""The one workflow that DBOS knows, by its name: it does for a run whatever the engine of the process does."""

from collections.abc import Awaitable, Callable

from dbos import DBOS
from dbos import error as dbos_error


class Current:
    """Who interprets runs in this process: DBOS knows its workflows by module-level functions."""

    interpret: Callable[[str], Awaitable[None]] | None = None


@DBOS.workflow(name="run_pipeline")
async def run_pipeline(run_id: str) -> None:
    """Interpret whatever pipeline the run carries."""
    if Current.interpret is None:
        raise dbos_error.DBOSWorkflowCancelledError("the runner is stopping")
    await Current.interpret(run_id)
