import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdall_console.query import Query
from heimdall_console.query_names import Names
from heimdall_console.query_text import QueryError, parse_query
from heimdall_console.run_figures import Figures, FigureStore
from heimdall_console.run_rows import RunRow, RunRows

NOW_S = 1_790_100_000.0


def tracked(place: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"{place:032x}",
        "name": f"run-{place}",
        "experiment": "campus",
        "status": "FINISHED",
        "start_ms": int(1000 * (NOW_S - 86400 * place)),
        "end_ms": int(1000 * (NOW_S - 86400 * place + 60)),
        "user": "ada",
        "params": {},
        "tags": {},
        "metrics": {},
        **fields,
    }


def rows_of(*runs: dict[str, Any]) -> list[RunRow]:
    rows = RunRows()
    rows.take_tracked(runs, [], is_first=True, is_last=True)
    return sorted(rows.rows.values(), key=lambda row: row.key)


ROWS = rows_of(
    tracked(
        0,
        params={"optimizer.learning_rate": "0.01", "model.name": "localization_net"},
        metrics={"val/loss": 0.5, "val/median_m": 120.0},
    ),
    tracked(
        1,
        status="FAILED",
        params={"optimizer.learning_rate": "1e-4", "model.name": "receiver_set_net"},
        tags={"user.stage": "baseline"},
        metrics={"val/loss": 0.9},
    ),
    tracked(
        2,
        experiment="vhf large",
        params={"lr": "0.001", "batch_size": "32"},
        tags={"user.stage": "baseline"},
        metrics={"val/loss": "NaN"},
    ),
    tracked(3, status="RUNNING", end_ms=None, params={"lr": "fast"}),
)


def found(text: str, figures: FigureStore | None = None) -> list[int]:
    store = figures or FigureStore()
    query = Query(text, Names(ROWS), store.value, NOW_S, frozenset({ROWS[3].key}))
    return [int(row.mlflow_id, 16) for row in query.filter(ROWS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("RUN-2", [2]),
        ("camp run", [0, 1, 3]),
        ('"vhf large"', [2]),
        ("baseline", [1, 2]),
        # Numbers compare as numbers, whoever named the parameter how.
        ("lr>=1e-3", [0, 2]),
        ("lr = 0.0010", [2]),
        ("lr:fast", [3]),
        ("lr!=1e-4", [0, 2, 3]),
        ("model:localization_net", [0]),
        ("lr>=1e-3 model:localization_net | tag:baseline -state:failed", [0, 2]),
        ("run-1 OR run-2 AND lr>1", [1]),
        ("(run-1 | run-2) tag:baseline", [1, 2]),
        ("NOT (run-1 OR run-2)", [0, 3]),
        ("-lr<1", [3]),
        ("val/loss<0.7", [0]),
        ("loss<1", [0, 1]),
        ("median_m>100", [0]),
        ("metric:median", [0]),
        ("param:batch", [2]),
        ("batch_size:32", [2]),
        ("age<36h", [0, 1]),
        ("age>1d12h", [2, 3]),
        ("took<=1min", [0, 1, 2]),
        ("state:running", [3]),
        ("experiment!=campus", [2]),
        ("user:ada created<2000-01-01", []),
        ("archived:true", [3]),
        ("archived:no", [0, 1, 2]),
        ("archived!=yes", [0, 1, 2]),
        ("archived!=no", [3]),
    ],
)
def test_what_a_query_means(text: str, expected: list[int]) -> None:
    assert found(text) == expected


def test_epochs_are_those_of_the_column() -> None:
    row = RunRow("a")
    row.status, row.epoch, row.epochs, row.share_done = "stopped", 16, 30, 15.5 / 30
    names = Names([row])
    for text, holds in (("epochs=16", True), ("epochs>16", False), ("epoch>=16", True)):
        query = Query(text, names, FigureStore().value, NOW_S, frozenset())
        assert bool(query.filter([row])) is holds, text


def test_best_smallest_and_largest_of_a_metric_are_what_was_read_of_it() -> None:
    figures = FigureStore({"val/loss": "min"})
    figures.put(ROWS[0], "val/loss", Figures(9, 0.5, 0.2, 4.0))
    figures.put(ROWS[1], "val/loss", Figures(9, 0.9, 0.8, 2.0))
    assert found("min(val/loss)<0.3", figures) == [0]
    assert found("max(loss)<3", figures) == [1]
    assert found("best(val/loss)>0.5", figures) == [1]
    assert found("last(val/loss)>0.5", figures) == [1]
    figures.directions["val/loss"] = "max"
    assert found("best(val/loss)>3", figures) == [0]


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("lr>", "a value is missing after >", 3),
        ("a | ", "something to look for is missing", 4),
        ("(a b", "the parenthesis is not closed", 0),
        ("a)", "nothing is open here to be closed", 1),
        ("a -", "what is not wanted is missing after -", 2),
        ('name:"a', "the quotation mark is not closed", 5),
        ("=3", "a name is missing before =", 0),
        ("a AND | b", "something to look for is missing before |", 6),
        ("a age<2x", "'2x' is no time such as 45min, 12h or 2d", 2),
        ("lr<soon", "'soon' is no number", 0),
        ("val/los<1", "no run has val/los; did you mean val/loss?", 0),
        ("min(val/loss)", "a comparison is missing after min(val/loss)", 0),
        ("created>yesterday", "'yesterday' is no date such as 2026-11-24", 0),
        ("(" * 100 + "a", "that is too deeply nested", 61),
    ],
)
def test_what_is_wrong_and_where(text: str, message: str, position: int) -> None:
    with pytest.raises(QueryError) as wrong:
        found(text)
    assert (wrong.value.message, wrong.value.position) == (message, position)


@pytest.mark.parametrize("text", ["state:runing", "state=run", "state!=done"])
def test_a_state_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="the states are queued, starting, running"):
        found(text)


@pytest.mark.parametrize("text", ["archived:maybe", "archived>yes"])
def test_archived_is_yes_or_no(text: str) -> None:
    with pytest.raises(QueryError, match="archived:yes or archived:no"):
        found(text)


def test_a_name_that_means_too_much_is_refused() -> None:
    rows = rows_of(tracked(0, params={f"part{place}.width": "1" for place in range(9)}))
    with pytest.raises(QueryError, match=r"width may mean part0\.width, part1\.width"):
        Query("width>1", Names(rows), FigureStore().value, NOW_S)


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    *("a", "-", "!", "(", ")", "|", "OR", "AND", "NOT", "lr", ">", "<=", ":", '"'),
                    *(" ", "min(", "min(x)", "1e-3", "age", "2d", "'", "&&", "state", "\x00", "é"),
                ]
            ),
            max_size=25,
        ).map("".join),
    )
)
def test_nothing_that_is_typed_raises_anything_but_a_query_error(text: str) -> None:
    position = 0
    try:
        parse_query(text)
        found(text)
    except QueryError as error:
        position = error.position
    assert 0 <= position <= len(text)


def test_every_query_of_the_document_is_understood() -> None:
    document = Path(__file__).parents[2] / "docs" / "queries.md"
    rows = [line for line in document.read_text().splitlines() if line.startswith("| `")]
    written = [code for row in rows for code in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert len(written) > 25
    params = {"data.batch_size": "256", "optimizer.learning_rate": "1", "dropout": "0.1"}
    known = rows_of(tracked(0, params=params, metrics={"val/loss": 0.5, "val/median_m": 120.0}))
    for text in written:
        if "…" not in text:
            Query(text, Names(known), FigureStore().value, NOW_S)
