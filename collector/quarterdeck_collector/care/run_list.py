"""A copy of which runs there are: the table itself changes while what belongs to them does."""

from quarterdeck_collector.migrate import placeholders
from quarterdeck_collector.store import Store


def copy_runs(store: Store) -> str:
    """Keep for a day which runs there are now, on a cluster on every node.

    Returns:
        Name of the copy, with RunId, TraceId and PipelineName.

    Raises:
        StoreError: If the store refuses.
    """
    copy = f"{store.database}.{store.local('runs_before_purge')}"
    values = placeholders(store)
    engine = f"{values['R']}MergeTree({values['shared'].removesuffix(', ')})"
    store.command(f"DROP TABLE IF EXISTS {copy} {store.on_cluster} SYNC")
    store.command(
        f"CREATE TABLE {copy} {store.on_cluster} "
        "(RunId String, TraceId String, PipelineName String, Copied DateTime DEFAULT now()) "
        f"ENGINE = {engine} ORDER BY RunId TTL Copied + INTERVAL 1 DAY"
    )
    columns = "RunId, TraceId, PipelineName"
    store.command(f"INSERT INTO {copy} ({columns}) SELECT DISTINCT {columns} FROM {store.database}.runs")  # noqa: S608 - names are ours
    if store.cluster:  # every node reads its own copy
        store.command(f"SYSTEM SYNC REPLICA {store.on_cluster} {copy}")
    return copy
