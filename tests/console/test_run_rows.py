"""Local and MLflow runs as one list of rows, sorted and arranged."""

from pathlib import Path
from typing import Any

from heimdall_console.run_arrangement import NESTED, arrange
from heimdall_console.run_columns import Context, column_of, sorted_rows
from heimdall_console.run_differences import compared_metrics, compared_params
from heimdall_console.run_figures import Figures, FigureStore
from heimdall_console.run_index import RunSummary
from heimdall_console.run_rows import RunRow, RunRows
from tests.console.test_query import NOW_S, rows_of, tracked
from tests.console.tracked_runs import add_run, change, make_database
from training_core.contract.run_dir import RunInfo
from training_core.contract.run_status import RunStatus
from training_core.publishing.tracking_reader_database import DatabaseRuns

RUN_ID = "20260921-120000-aaaaaa"


def summary(run_id: str = RUN_ID, **fields: Any) -> RunSummary:
    info = RunInfo(
        id=run_id,
        name="ours",
        experiment="campus",
        created=NOW_S - 100,
        parent=fields.pop("parent", ""),
    )
    given: dict[str, Any] = {
        "status": RunStatus.RUNNING,
        "monitor": "val/loss",
        "best": 1.0,
        "metrics": {"val/loss": 1.0},
        "share_done": 0.25,
        **fields,
    }
    return RunSummary(info=info, path=Path("/runs") / run_id, **given)


def test_a_published_run_stands_there_once_whatever_comes_first() -> None:
    for is_local_first in (True, False):
        rows = RunRows()
        twin = tracked(1, tags={"heimdall.run_id": RUN_ID}, metrics={"val/loss": 2.0})
        if is_local_first:
            rows.take_local([summary()])
        assert rows.take_tracked([twin, tracked(2)], [], is_first=True, is_last=True)
        if not is_local_first:
            assert set(rows.rows) == {f"mlflow:{1:032x}", f"mlflow:{2:032x}"}
            assert rows.take_local([summary()]) == {RUN_ID, f"mlflow:{1:032x}"}
        assert set(rows.rows) == {RUN_ID, f"mlflow:{2:032x}"}
        both = rows.rows[RUN_ID]
        assert (both.name, both.status, both.mlflow_id) == ("ours", "running", f"{1:032x}")
        assert (both.metrics["val/loss"], both.best) == (2.0, 1.0)
        # Deleted here, it is still there.
        rows.take_local([])
        assert rows.rows[f"mlflow:{1:032x}"].name == "run-1"
        assert RUN_ID not in rows.rows
        assert rows.take_tracked([], [f"{1:032x}"], is_first=False, is_last=True)
        assert set(rows.rows) == {f"mlflow:{2:032x}"}


def test_only_what_changed_becomes_a_new_row() -> None:
    rows = RunRows()
    ours = summary()
    rows.take_local([ours, summary("20260921-130000-aaaaaa")])
    listed = [tracked(place) for place in range(3)]
    rows.take_tracked(listed, [], is_first=True, is_last=True)
    before = dict(rows.rows)
    assert rows.take_local(list(rows._local.values())) == set()
    changed = rows.take_tracked(
        [listed[0], {**listed[1], "status": "FAILED"}], [], is_first=True, is_last=False
    )
    assert changed == {f"mlflow:{1:032x}"}
    assert [key for key in before if rows.rows[key] is not before[key]] == [f"mlflow:{1:032x}"]
    # What a whole list no longer holds is gone when it ends, not before.
    assert f"mlflow:{2:032x}" in rows.rows
    assert rows.take_tracked([], [], is_first=False, is_last=True) == {f"mlflow:{2:032x}"}


def test_times_that_are_none_are_unknown(tmp_path: Path) -> None:
    path = make_database(tmp_path)
    add_run(path, f"{1:032x}", "damaged", NOW_S)
    change(path, "UPDATE runs SET start_time = 'abc', end_time = 'def'")
    [[listed]] = DatabaseRuns(path).pages()
    assert (listed["start_ms"], listed["end_ms"]) == (None, None)
    rows = RunRows()
    for start_ms, end_ms in ((None, "abc"), ([], 1e300), (float("nan"), 2**62)):
        rows.take_tracked(
            [{**listed, "start_ms": start_ms, "end_ms": end_ms}], [], is_first=True, is_last=True
        )
        row = rows.rows[f"mlflow:{1:032x}"]
        assert (row.created_s, row.ended_s, row.name) == (None, None, "damaged")


def test_the_time_left_is_what_the_worker_says() -> None:
    rows = RunRows()
    rows.take_local([summary(remaining_s=300.0)])
    assert rows.rows[RUN_ID].eta_s == 300.0
    rows.take_config(RUN_ID, {"model.name": "x"}, {"user.a": "b"})
    row = rows.rows[RUN_ID]
    assert row.eta_s == 300.0
    assert (row.params, row.tags) == ({"model.name": "x"}, {"user.a": "b"})
    assert "b" in row.text
    rows.take_local([summary(status=RunStatus.FINISHED, ended=NOW_S)])
    assert rows.rows[RUN_ID].eta_s is None
    assert rows.rows[RUN_ID].took_s(NOW_S + 99) == 100


def test_runs_stand_under_their_parents_and_circles_end() -> None:
    def child(place: int, of: int) -> dict[str, Any]:
        return tracked(place, tags={"mlflow.parentRunId": f"{of:032x}"})

    rows = RunRows()
    runs = [tracked(0), child(1, 0), child(2, 1), child(3, 4), child(4, 3), child(5, 99)]
    rows.take_tracked(runs, [], is_first=True, is_last=True)
    rows.take_local([summary(), summary("20260921-130000-aaaaaa", parent=RUN_ID)])
    ordered = sorted(rows.rows.values(), key=lambda row: row.key)
    lines = arrange(ordered, NESTED, set(), rows.parent_of)
    depths = {line.key[-6:]: line.depth for line in lines}
    assert len(lines) == 8
    assert [depths[f"{place:06x}"] for place in range(6)] == [0, 1, 2, 0, 1, 0]
    key = f"mlflow:{0:032x}"
    folded = arrange(ordered, NESTED, {key}, rows.parent_of)
    assert len(folded) == 6
    assert next(line for line in folded if line.key == key).count == 1
    ours = [line for line in lines if not line.key.startswith("mlflow:")]
    assert [(line.key[9:13], line.depth) for line in ours] == [("1200", 0), ("1300", 1)]


def test_groups_keep_the_order_of_their_rows() -> None:
    rows = rows_of(*(tracked(place, params={"m": "ab"[place % 2]}) for place in range(4)))
    lines = arrange(rows, "param:m", {"group:param:m:b"}, lambda row: "")
    assert [(line.title, line.count, line.is_open) for line in lines if line.row is None] == [
        ("a", 2, True),
        ("b", 2, False),
    ]
    assert [line.key for line in lines if line.row is not None] == [rows[0].key, rows[2].key]


def names(rows: list[RunRow]) -> str:
    return "".join(row.name[-1] for row in rows)


def test_sorting_puts_what_is_not_known_last() -> None:
    params = ["0.1", "1e-3", "fast", None]
    rows = rows_of(
        *(
            tracked(place, params={} if value is None else {"lr": value})
            for place, value in enumerate(params)
        )
    )
    column = column_of("param:lr")
    assert column is not None
    context = Context(FigureStore(), now_s=NOW_S)
    assert names(sorted_rows(rows, column, context, is_descending=False)) == "1023"
    assert names(sorted_rows(rows, column, context, is_descending=True)) == "2013"
    assert column_of("nonsense") is None
    assert column_of("param:") is None


def test_only_differences_are_compared_and_a_best_needs_a_direction() -> None:
    rows = rows_of(
        tracked(0, params={"lr": "0.10", "seed": "1", "a": "x"}),
        tracked(1, params={"lr": "1e-1", "seed": "2"}),
    )
    found = compared_params(rows, only_differences=True)
    assert [(line.name, line.values) for line in found] == [("a", ("x", "")), ("seed", ("1", "2"))]
    assert len(compared_params(rows, only_differences=False)) == 3
    figures = FigureStore()
    figures.put(rows[0], "loss", Figures(2, 3.0, 1.0, 4.0))
    figures.put(rows[1], "loss", Figures(2, 2.0, 2.0, 3.0))
    assert compared_metrics(rows, ["loss"], figures)[0].winner is None
    figures.directions["loss"] = "min"
    assert compared_metrics(rows, ["loss"], figures)[0].winner == 0
    figures.directions["loss"] = "max"
    assert compared_metrics(rows, ["loss", "none"], figures)[0].best == (4.0, 3.0)


def test_a_direction_that_configurations_disagree_on_is_not_known() -> None:
    rows = rows_of(tracked(0), tracked(1))
    figures = FigureStore()
    figures.put(rows[0], "val/score", Figures(2, 3.0, 1.0, 4.0))
    figures.put(rows[1], "val/score", Figures(2, 2.0, 2.0, 3.0))
    figures.learn("val/score", "max")
    figures.learn("val/score", "max")
    assert compared_metrics(rows, ["val/score"], figures)[0].winner == 0
    for way in ("min", "max", "min"):
        figures.learn("val/score", way)
        assert "val/score" not in figures.directions, "no star, and best? instead of best"
        assert compared_metrics(rows, ["val/score"], figures)[0].winner is None
    figures.hear({"val/score": "min"})
    figures.learn("val/score", "max")
    assert figures.directions["val/score"] == "min", "a person has said so"


def test_how_metrics_of_our_own_networks_are_better_is_known() -> None:
    row = RunRow("a")
    figures = FigureStore({"val/loss": "max"})
    figures.put(row, "val/within_50m", Figures(9, 0.5, 0.2, 0.7))
    assert figures.value(row, "val/within_50m", "best") == 0.7
    assert figures.directions["val/median_m"] == "min"
    assert figures.directions["val/loss"] == "max", "a person knows better"
    assert "val/coverage_90" not in figures.directions
