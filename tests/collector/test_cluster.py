"""The same files on a cluster: what they create there, and whether shards answer what one node answers."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import CliApp

from quarterdeck_collector.__main__ import main
from quarterdeck_collector.care.access import nothing_around, opened
from quarterdeck_collector.care.commands import migrate
from quarterdeck_collector.care.operations import ClusterError, LocalCare
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.migrate import migrations, placeholders
from quarterdeck_collector.settings import Settings
from quarterdeck_collector.store import LOCAL, ServerStore

SERVER = "http://writer:it%27s@127.0.0.1:1"
SAME_EVERYWHERE = {"model_prices_src", "schema_migrations", "rebuilds", "saved"} | {
    f"alert_{name}" for name in ("states", "events", "deliveries", "evaluators")
}
OF_ONE_NODE = {
    **dict.fromkeys(("otlp_traces_in", "otlp_logs_in", "otlp_metrics_in", "otlp_metrics_flat"), "Null"),
    "recent_calls": "Memory",
}
ONCE = "non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """chDB takes one configuration per process: the cluster lives in another."""
    folder = tmp_path_factory.mktemp("cluster")
    command = [sys.executable, "-m", "support.cluster", str(folder)]
    tests = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, timeout=230, check=False, cwd=tests)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_statement_is_understood_by_a_cluster(report: dict[str, Any]) -> None:
    assert report["refused"] == []


def test_rows_lie_in_replicated_tables_and_are_read_through_distributed_ones(report: dict[str, Any]) -> None:
    kinds = {name: re.findall(r"\w+", engine)[0] for name, engine in report["engines"].items()}
    kept = {name for name, kind in kinds.items() if kind.endswith("MergeTree")}
    spread = {name.removesuffix(LOCAL) for name in kept if name.endswith(LOCAL)}

    assert {name for name in kept if not kinds[name].startswith("Replicated")} == set()
    assert {name for name, kind in kinds.items() if kind == "Distributed"} == spread
    assert kept - {f"{name}{LOCAL}" for name in spread} == SAME_EVERYWHERE
    assert {name: kind for name, kind in kinds.items() if kind in ("Null", "Memory")} == OF_ONE_NODE


def test_small_tables_have_one_path_for_all_shards(report: dict[str, Any]) -> None:
    for name in SAME_EVERYWHERE:
        path = f"'/clickhouse/tables/shared/created/{name}', '{{shard}}-{{replica}}'"
        assert f"ReplicatedReplacingMergeTree({path}, " in report["engines"][name]


def test_distributed_tables_have_the_columns_of_the_tables_behind_them(report: dict[str, Any]) -> None:
    columns = report["columns"]
    for name, engine in report["engines"].items():
        if engine.startswith("Distributed"):
            assert columns[name] == columns[f"{name}{LOCAL}"], name


def test_all_tables_remember_inserts_for_the_same_time(report: dict[str, Any]) -> None:
    chain = {name: engine for name, engine in report["engines"].items() if name.endswith(LOCAL)}
    del chain[f"live_events{LOCAL}"]
    assert [name for name, engine in chain.items() if ONCE not in engine] == []


def test_two_shards_answer_what_one_node_answers(report: dict[str, Any]) -> None:
    assert report["shards"] == [{"RunId": "run-1", "Shards": 2}, {"RunId": "run-2", "Shards": 2}]
    empty = {name for name, rows in report["alone"].items() if not rows}
    no_alert_rule = {"alert_rules.sql", "alert_history.sql", "alerts_now.sql"}
    no_second_model_or_version_and_no_bad_hour_or_answer = {
        "advice_schemas.sql",
        "equal_work.sql",
        "version_runs.sql",
        "failing_hours.sql",
        "error_kinds.sql",
    }
    assert empty == no_alert_rule | no_second_model_or_version_and_no_bad_hour_or_answer
    assert report["shared"] == report["alone"]


def test_a_repeated_insert_changes_nothing_on_any_shard(report: dict[str, Any]) -> None:
    assert report["retried"] == report["shared"]


def test_calls_have_their_cost_on_every_shard(report: dict[str, Any]) -> None:
    costs = [run["total_cost"] for run in report["shared"]["pipeline_executions"]]
    assert sum(cost > 0 for cost in costs) == 2


def test_new_prices_are_waited_for_and_read_on_every_node(report: dict[str, Any]) -> None:
    assert [order for order in report["orders"] if order.startswith("SYSTEM")][1:] == [
        "SYSTEM SYNC REPLICA ON CLUSTER 'two' shared.model_prices_src",
        "SYSTEM RELOAD DICTIONARY ON CLUSTER 'two' shared.model_prices",
    ]


def test_runs_are_exported_from_all_shards_and_known_when_they_come_back(report: dict[str, Any]) -> None:
    alone, shared = report["told"]
    assert shared == alone
    assert "".join(alone).count("start_time_unix_nano:") == 4
    assert report["imported"][1] == {"stored": 0, "present": 8, "expired": 0, "keep_days": 0}


def test_data_are_kept_as_long_on_all_nodes(report: dict[str, Any]) -> None:
    alone, shared = report["kept"]
    assert "otel_traces: kept 30 days" in alone[0]
    assert "otel_traces: payloads kept 14 days" in alone[0]
    assert shared == alone
    assert alone[1] == []


def test_changes_of_tables_are_made_on_all_nodes(report: dict[str, Any]) -> None:
    changes = [order for order in report["orders"] if order.startswith("ALTER")]
    stored = {name for name, engine in report["engines"].items() if engine.startswith("Replicated")}

    assert [order for order in changes if "ON CLUSTER 'two'" not in order] == []
    assert any("MODIFY TTL" in order for order in changes)
    assert set(report["durable"]) == stored


def test_new_prices_change_the_same_calls_and_their_sums_on_all_shards(report: dict[str, Any]) -> None:
    alone, shared = (removed["repriced"] for removed in report["removed"])
    ((old,), (new,)) = (repriced.pop("models") for repriced in (alone, shared))
    assert shared == alone
    assert new == pytest.approx(old)  # shards are added up in any order
    assert (new["calls"], new["new_cost"]) == (4, pytest.approx(600 * 100 / 1e6))
    costs = [removed["costs"] for removed in report["removed"]]
    assert costs[1] == costs[0]
    known, unknown = (dict.fromkeys(costs[1][0], said) for said in ([f"{new['new_cost']:g}", "0"], ["0", "4"]))
    assert costs[1][1:] == [known, known, unknown, known]


def test_a_run_a_pipeline_and_days_are_purged_from_all_shards_but_for_sums_that_know_no_runs(
    report: dict[str, Any],
) -> None:
    alone, shared = ([told["left"] for told in removed["told"]] for removed in report["removed"])
    calls = [[left.pop("sums") for left in each] for each in (alone, shared)]

    assert shared == alone
    assert shared[0]["otel_traces"] == shared[0]["runs"] == ["run-2\t4"]
    assert list(filter(None, shared[2].values())) == []
    assert calls == [[["2"], ["0"], ["0"]], [["4"], ["0"], ["0"]]]
    days = [[len(told[name]) for told in report["removed"][1]["told"]] for name in ("days", "kept")]
    assert days == [[0, 0, 0], [1, 1, 0]]  # none is made anew; sums of one count the run, latencies the pipeline too


def test_rows_are_removed_on_all_nodes_by_the_same_list_of_runs(report: dict[str, Any]) -> None:
    removals = [order for order in report["removals"] if " DELETE IN PARTITION " in order]
    assert [order for order in removals if "_local ON CLUSTER 'two' " not in order] == []
    looked_up = {name for order in removals for name in re.findall(r"FROM (\S+)", order)}
    assert looked_up == {"shared.runs_before_purge_local"}
    synced = "SYSTEM SYNC REPLICA ON CLUSTER 'two' shared.runs_before_purge_local"
    assert report["removals"].count(synced) == 5  # of three purges, and of the two times that prices changed something


def test_what_works_on_a_single_node_only_says_so(tmp_path: Path) -> None:
    flags = ["--data-dir", str(tmp_path), "--clickhouse-url", SERVER, "--cluster", "c"]
    settings = CliApp.run(Settings, cli_args=flags)
    with opened(settings) as store:
        care = LocalCare(store, nothing_around(settings, store))
        with pytest.raises(ClusterError, match="on a cluster whole days are purged: give --from and --to as dates"):
            care.purge(Selection.read({"pipeline": "digest", "to": "2026-01-31T18:00"}), dry_run=True)


def test_tables_of_a_cluster_and_of_a_single_node_are_not_mixed(report: dict[str, Any]) -> None:
    assert report["again"] == []
    assert report["without"] == (
        "the tables of database shared were made for the cluster two: set --cluster two, or set another --database"
    )
    assert report["with"] == (
        "the tables of database alone were made for a single node: leave --cluster out, or set another --database"
    )


def _texts(store: ServerStore) -> dict[str, list[str]]:
    values = placeholders(store)
    files = migrations(cluster=bool(store.cluster))
    return {item.version: [" ".join(text.split()) for text in item.statements(values)] for item in files}


def test_a_cluster_gets_the_text_of_a_single_node_but_for_the_names_of_engines_and_tables() -> None:
    single = _texts(ServerStore("http://127.0.0.1:1", "db"))
    cluster = _texts(ServerStore("http://127.0.0.1:1", "db", "c"))

    def plain(text: str) -> str:
        text = text.replace("ON CLUSTER 'c'", "").replace(LOCAL, "").replace("Replicated", "")
        return " ".join(re.sub(r"'/clickhouse/[^']*', '[^']*', ", "", text).split())

    assert set(cluster) - set(single) == {name for name in cluster if name.endswith(".cluster")}
    assert {name: [plain(text) for text in cluster[name]] for name in single} == {
        name: [plain(text) for text in texts] for name, texts in single.items()
    }


def test_every_statement_is_run_on_all_nodes_but_those_that_insert_what_all_nodes_have() -> None:
    of_one_node = {
        name: [text.partition(" SELECT ")[0] for text in texts if "ON CLUSTER 'c'" not in text]
        for name, texts in _texts(ServerStore("http://127.0.0.1:1", "db", "c")).items()
    }
    assert {name: texts for name, texts in of_one_node.items() if texts} == {
        "0018_latency_sums_filled": ["INSERT INTO db.latency_1h_local"]
    }


def test_a_server_with_a_password_gets_it_for_its_dictionaries_alone() -> None:
    open_server = _texts(ServerStore("http://127.0.0.1:1", "db"))
    guarded = _texts(ServerStore(SERVER, "db"))

    auth = r"USER 'writer' PASSWORD 'it\'s'"
    changed = [text for texts in guarded.values() for text in texts if auth in text]
    assert [re.split(r"\W", text.partition(" db.")[2])[0] for text in changed] == ["model_prices", "genai_conventions"]
    assert _dense(guarded, auth) == _dense(open_server, auth)


def _dense(texts: dict[str, list[str]], left_out: str) -> dict[str, list[str]]:
    return {name: [text.replace(left_out, "").replace(" ", "") for text in found] for name, found in texts.items()}


def test_a_cluster_needs_a_server(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for program in (main, migrate):
        assert program(["--data-dir", str(tmp_path), "--cluster", "c"]) == 2
        assert capsys.readouterr().err == (
            "--cluster: the embedded store is a single node; name a server of the cluster with --clickhouse-url\n"
        )


def test_a_cluster_may_be_named_by_a_macro() -> None:
    settings = CliApp.run(Settings, cli_args=["--clickhouse-url", SERVER, "--cluster", "{cluster}"])
    assert settings.cluster == "{cluster}"
