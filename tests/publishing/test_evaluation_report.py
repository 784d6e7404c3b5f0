"""The page of an evaluation: complete in itself, harmless whatever names say, logged to MLflow."""

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from training_core.contract.errors import ExportError
from training_core.contract.home import runs_folder
from training_core.contract.jobs import EvaluateArguments, JobDir, create_job
from training_core.contract.run_dir import RunDir
from training_core.publishing.evaluation_page import evaluation_page
from training_core.publishing.evaluation_report import leave_report
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.publisher_state import PublisherState

HOSTILE = "<script>alert(1)</script>\" onload='x' & \x1b[2J\u202egnp\ud800"
_VOID = {"meta", "line", "circle", "polyline"}


class Reader(HTMLParser):
    """Elements, attributes and text of a page, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def evaluation(name: str = "campus", run_id: str = "", sessions: int = 80) -> dict[str, Any]:
    """A result as `evaluate` gives it."""
    generator = np.random.default_rng(0)
    truth = generator.uniform(0, 2_000, (sessions, 2))
    estimate = truth + generator.normal(0, 80, (sessions, 2))
    error = np.hypot(*(truth - estimate).T)

    def method(scale: float) -> dict[str, Any]:
        curve = np.quantile(scale * error, np.linspace(0, 1, 101))
        metrics = {
            "median_m": float(curve[50]),
            "mean_m": float(scale * error.mean()),
            "p90_m": float(curve[90]),
            "within_30m": 0.1,
            "within_100m": 0.6,
            "coverage_50": 0.47,
            "coverage_90": 0.88,
        }
        return {"metrics": metrics, "cdf_m": curve.tolist()}

    group = {
        **{"from": 2.0, "to": 4.0, "sessions": 40},
        **{"median_m": 90.0, "coverage_50": 0.456, "coverage_90": 0.9},
    }
    return {
        "model": f"/x/{name}.ckpt",
        "registered_model": "",
        "version": None,
        "run_id": run_id,
        "dataset": name,
        "split": {"name": name, "part": "test", "rows": sessions, "train_rows": 400},
        "methods": {"network": method(1.0), "radio_map": method(1.2), name: method(9.0)},
        "bounds": {
            "power": {
                **{"median_m": 50.0, "mean_m": 60.0, "p90_m": None},
                "error_over_bound": {"network": 1.75},
            }
        },
        "intervals": {
            "unit": "tracks",
            "blocks": 12,
            "of": {"network": {"median_m": [80.5, 120.5]}},
            "network_less_best": {
                "method": "radio_map",
                "median_m": -18.0,
                "median_interval_m": [-30.0, -4.0],
            },
        },
        "cdf_share": [n / 100 for n in range(101)],
        "coverage": [[0.1, 0.08], [0.5, 0.47], [0.9, 0.88]],
        "calibration": {"by_receivers": [group], "by_distance_m": []},
        "positions": {
            "session_id": [f"{name}{n}" for n in range(sessions)],
            "track": [name] * sessions,
            "truth_m": truth.tolist(),
            "estimate_m": [[None, None], *estimate.tolist()[1:]],
            "error_m": [None, *error.tolist()[1:]],
            "receivers": [3] * sessions,
            "receivers_m": [[0.0, 0.0], [1_500.0, 900.0]],
            "bound_m": {"power": [None, *np.full(sessions - 1, 50.0).tolist()]},
        },
        "warnings": [f"This split of {name} leaks."],
    }


def test_a_page_shows_the_evaluation_and_needs_nothing_else() -> None:
    page = evaluation_page(evaluation())
    reader = Reader(page)
    for said in (
        "campus.ckpt on campus, test",
        "80 test sessions of the split campus; 400 train",
        "This split of campus leaks.",
        "(80.5 to 120.5)",
        "The network is better than radio map: median -18.0 m (-30.0 to -4.0).",
        "95 % intervals, by drawing 12 tracks",
        "2 to 4",
        "45.6 %",
        "median of error over bound 1.75",
        "share of sessions",
    ):
        assert said in reader.text
    # Distribution, reliability, bound and map, each with a clipping one inside.
    assert reader.elements["svg"] == 8
    # Three curves, reliability with its ideal, the ideal of the bound, the worst on the map.
    assert reader.elements["polyline"] == 3 + 2 + 1 + 50
    assert reader.elements["circle"] == 79 + 80 + 50 + 2
    assert "http" not in page.replace("http-equiv", "")
    assert "//" not in page
    assert "prefers-color-scheme:dark" in page
    assert not reader.elements.keys() & {"script", "link", "img", "iframe", "object", "a"}
    assert not [value for name, value in reader.attributes if name in ("src", "href")]
    assert "url(" not in page
    assert "@import" not in page
    assert not [value for _, value in reader.attributes if "nan" in value or "inf" in value]


def test_foreign_names_are_text_only() -> None:
    page = evaluation_page(evaluation(HOSTILE))
    page.encode("utf-8")
    reader, harmless = Reader(page), Reader(evaluation_page(evaluation()))
    assert reader.elements == harmless.elements
    assert {name for name, _ in reader.attributes} == {name for name, _ in harmless.attributes}
    assert "<script>alert(1)</script>" in reader.text
    assert "\\u001b[2J\\u202egnp\\ud800" in reader.text
    assert not {"\x1b", "\u202e", "\ud800"} & set(page)


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_page_of_hardly_any_sessions_is_whole(sessions: int) -> None:
    result = evaluation(sessions=sessions)
    result["intervals"] |= {"of": {}, "network_less_best": None}
    result["calibration"] = {"by_receivers": [], "by_distance_m": []}
    result["positions"]["bound_m"] = {}
    reader = Reader(evaluation_page(result))
    assert reader.elements["svg"] == 6
    assert "Coverage by group" not in reader.text


def job_of(home: Path, html: Path | None = None) -> tuple[JobDir, EvaluateArguments]:
    arguments = EvaluateArguments(model="x.ckpt", dataset=home / "campus", html=html)
    return create_job(home, "evaluate", arguments), arguments


def published_run(home: Path, mlflow_uri: str = "") -> tuple[RunDir, MlflowStore, str]:
    store = MlflowStore.connect(mlflow_uri, home)
    mlflow_run_id = store.create_run("x", "morning", 1, {})
    run = RunDir(runs_folder(home) / "20261124-090000-abcd")
    run.path.mkdir(parents=True)
    state = PublisherState(tracking_uri=store.uri, mlflow_run_id=mlflow_run_id)
    state.write(run.publisher_path)
    return run, store, mlflow_run_id


def test_a_report_lies_beside_the_result_and_in_mlflow(home: Path, tmp_path: Path) -> None:
    run, store, mlflow_run_id = published_run(home)
    job, arguments = job_of(home, tmp_path / "mine.html")
    told = leave_report(job, arguments, evaluation(run_id=run.id))
    page = (job.path / "report.html").read_bytes()
    assert (tmp_path / "mine.html").read_bytes() == page
    assert told == {
        "page": str(job.path / "report.html"),
        "mlflow_run_id": mlflow_run_id,
        "not_logged": "",
    }
    folder = f"evaluations/{job.id}"
    logged = store.client.list_artifacts(mlflow_run_id, folder)
    assert [a.path for a in logged] == [f"{folder}/evaluation.json", f"{folder}/report.html"]
    fetched = Path(store.client.download_artifacts(mlflow_run_id, folder, str(tmp_path)))
    assert (fetched / "report.html").read_bytes() == page
    numbers = orjson.loads((fetched / "evaluation.json").read_bytes())
    assert numbers["split"] == evaluation()["split"]
    assert not (job.path / "evaluation.json").exists()


def test_an_mlflow_that_is_gone_takes_nothing_from_the_evaluation(home: Path) -> None:
    run, _, _ = published_run(home)
    state = PublisherState(tracking_uri="http://127.0.0.1:9", mlflow_run_id="1" * 32)
    state.write(run.publisher_path)
    job, arguments = job_of(home)
    told = leave_report(job, arguments, evaluation(run_id=run.id))
    assert told["mlflow_run_id"] == ""
    assert "evaluation.json was not published" in told["not_logged"]
    assert (job.path / "report.html").is_file()


def test_a_model_of_no_published_run_is_not_logged(home: Path) -> None:
    for run_id in ("", "20261124-090000-abcd", "../x"):
        job, arguments = job_of(home)
        told = leave_report(job, arguments, evaluation(run_id=run_id))
        assert (told["mlflow_run_id"], told["not_logged"]) == ("", "")


def test_a_place_that_cannot_be_written_is_refused(home: Path) -> None:
    job, arguments = job_of(home, home / "nowhere" / "x.html")
    with pytest.raises(ExportError, match="choose another --html") as caught:
        leave_report(job, arguments, evaluation())
    assert "No such file" in caught.value.why
