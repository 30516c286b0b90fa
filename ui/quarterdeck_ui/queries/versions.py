from dataclasses import dataclass

from quarterdeck_ui.queries.store import Store
from quarterdeck_ui.scope import Scope


@dataclass(frozen=True, slots=True)
class PipelineVersion:
    """What the runs of one version add up to; times in nanoseconds, cost in USD."""

    version: str
    runs: int
    completed: int
    failed: int
    first_ns: int
    last_ns: int
    cost: float
    unpriced: int
    median_ns: float | None
    newest_run: str
    newest_end_ns: int


def pipeline_versions(
    store: Store, pipeline: str, scope: Scope, now_ns: int, limit: int = 200
) -> list[PipelineVersion]:
    """The versions of a pipeline that ran, the newest first.

    Args:
        store: ClickHouse.
        pipeline: Name of the pipeline.
        scope: Which runs count.
        now_ns: The present.
        limit: Most versions.
    """
    since, until = scope.bounds(now_ns)
    rows = store.ask(
        "versions",
        pipeline=pipeline,
        since=since,
        until=until,
        environment=scope.environment,
        service=scope.service,
        limit=limit,
    )
    return [
        PipelineVersion(
            version=row["Version"],
            runs=row["Runs"],
            completed=row["Completed"],
            failed=row["Failed"],
            first_ns=row["FirstNs"],
            last_ns=row["LastNs"],
            cost=row["CostUsd"],
            unpriced=row["Unpriced"],
            median_ns=row["MedianNs"] if row["Completed"] + row["Failed"] else None,
            newest_run=row["NewestRun"],
            newest_end_ns=row["NewestEndNs"],
        )
        for row in rows
    ]


def config_of(store: Store, version: PipelineVersion) -> str:
    """The configuration of a version as JSON, from its newest run; empty where none was captured."""
    rows = store.ask("run_config", run=version.newest_run, since=version.last_ns, until=version.newest_end_ns)
    return str(rows[0]["Config"]) if rows else ""
