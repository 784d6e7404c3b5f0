"""What a tracking reader can be asked, one generator of answers for each request."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from training_core.contract.errors import TrackingError
from training_core.publishing.tracking_reader_artifacts import list_artifacts, preview_artifact
from training_core.publishing.tracking_reader_database import OtherSchemaError
from training_core.publishing.tracking_reader_points import figures, history_fields, read_points
from training_core.publishing.tracking_reader_rows import (
    NOT_A_NUMBER,
    plain_number,
    row_of,
    time_ms,
)
from training_core.publishing.tracking_reader_source import TrackingSource

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from training_core.publishing.mlflow_store import MlflowStore

Answer = dict[str, Any]
Asked = Mapping[str, Any]
_PAGE: Final = 1000


def runs(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`runs`: every run in pages, the newest first: {"runs": [row, …]}."""
    if source.database is not None:
        try:
            yield from ({"runs": page} for page in source.database.pages())
        except OtherSchemaError:
            source.database = None
        else:
            return
    yield from ({"runs": page} for page in source.client_runs().pages())


def changes(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`changes`: what is new since `runs`: {"runs": [row, …], "gone": [id, …]}."""
    if source.database is not None:
        try:
            rows, gone = source.database.changes()
        except OtherSchemaError:
            source.database = None
        else:
            yield {"runs": rows, "gone": gone}
            return
    rows, gone = source.client_runs().changes()
    yield {"runs": rows, "gone": gone}


def run(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`run`: one run, nothing shortened."""
    store = source.store()
    run_id = str(asked["run"])
    with store.explained("The run could not be read"):
        found = store.client.get_run(run_id)
        experiment = store.client.get_experiment(found.info.experiment_id)
    info, data = found.info, found.data
    row = row_of(found, experiment.name)
    yield {
        "run": {
            "id": info.run_id,
            "name": info.run_name or "",
            "experiment": experiment.name,
            "status": info.status,
            "start_ms": time_ms(info.start_time),
            "end_ms": time_ms(info.end_time),
            "user": info.user_id or data.tags.get("mlflow.user", ""),
            "artifact_uri": info.artifact_uri,
            "params": dict(data.params),
            "tags": dict(data.tags),
            "metrics": {
                key: NOT_A_NUMBER if (number := plain_number(value)) is None else number
                for key, value in data.metrics.items()
            },
            "wrong": row["wrong"],
        }
    }


def history(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`history`: the points of `metrics` of a run, one answer a metric."""
    for key in asked["metrics"]:
        points, left_out = read_points(source, str(asked["run"]), str(key))
        yield {"metric": key, **history_fields(points, left_out)}


def figures_of(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`figures`: last, smallest and largest `metric` of `runs`, with a few values for a sparkline."""
    for run_id in asked["runs"]:
        points, _ = read_points(source, str(run_id), str(asked["metric"]))
        yield {"run": run_id, "metric": asked["metric"], "figures": figures(points)}


def artifacts(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`artifacts`: what a `folder` among the artifacts of a run holds."""
    folder = str(asked.get("folder") or "")
    yield list_artifacts(source.store(), source.home, str(asked["run"]), folder)


def preview(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`preview`: the beginning of the artifact at `path`."""
    yield preview_artifact(source.store(), source.home, str(asked["run"]), str(asked["path"]))


def versions(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`versions`: model versions made from a run."""
    store = source.store()
    run_id = str(asked["run"]).replace("'", "")
    found = _find_versions(store, f"run_id='{run_id}'")
    for name in {version["name"] for version in found}:
        with store.explained(f"The aliases of {name[:100]} could not be read"):
            aliases = store.client.get_registered_model(name).aliases
        _set_aliases([v for v in found if v["name"] == name], aliases)
    yield {"versions": found}


def models(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`models`: every registered model with its versions and aliases, one answer a page."""
    if source.is_empty:
        return
    store = source.store()
    token = None
    while True:
        with store.explained("The registered models could not be listed"):
            page = store.client.search_registered_models(max_results=100, page_token=token)
        listed = []
        for model in page:
            quoted = model.name.replace("'", "''")
            found = _find_versions(store, f"name='{quoted}'")
            aliases = {str(alias): int(number) for alias, number in model.aliases.items()}
            _set_aliases(found, aliases)
            listed.append(
                {
                    "name": model.name,
                    "description": model.description or "",
                    "tags": dict(model.tags),
                    "created_ms": model.creation_timestamp,
                    "updated_ms": model.last_updated_timestamp,
                    "aliases": aliases,
                    "versions": found,
                }
            )
        yield {"models": listed}
        if not (token := page.token):
            return


def experiments(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """`experiments`: id and name of every active experiment."""
    if source.is_empty:
        return
    store = source.store()
    token = None
    while True:
        with store.explained("The experiments could not be listed"):
            page = store.client.search_experiments(max_results=_PAGE, page_token=token)
        yield {"experiments": [{"id": e.experiment_id, "name": e.name} for e in page]}
        if not (token := page.token):
            return


REQUESTS: Final[dict[str, Callable[[TrackingSource, Asked], Iterator[Answer]]]] = {
    "runs": runs,
    "changes": changes,
    "run": run,
    "history": history,
    "figures": figures_of,
    "artifacts": artifacts,
    "preview": preview,
    "versions": versions,
    "models": models,
    "experiments": experiments,
}
"""Name → who answers it."""


def answers(source: TrackingSource, asked: Asked) -> Iterator[Answer]:
    """The answers to a request.

    Raises:
        TrackingError: The server refused or did not answer, or there is no such request.
    """
    handler = REQUESTS.get(str(asked.get("request")))
    if handler is None:
        raise TrackingError(
            f"The tracking reader does not know the request {str(asked.get('request'))[:100]!r}",
            why="The console and its tracking reader are of different versions",
            unharmed="Nothing was changed",
            action="Start the console again",
        )
    return handler(source, asked)


def _set_aliases(versions: list[Answer], aliases: Mapping[str, Any]) -> None:
    """Say which aliases point at each version of a model: a search leaves them out."""
    for version in versions:
        version["aliases"] = sorted(
            str(alias) for alias, number in aliases.items() if int(number) == version["version"]
        )


def _find_versions(store: "MlflowStore", filter_text: str) -> list[Answer]:
    found: list[ModelVersion] = []
    token = None
    while True:
        with store.explained("The model versions could not be listed"):
            page = store.client.search_model_versions(
                filter_text, max_results=_PAGE, page_token=token
            )
        found += page
        if not (token := page.token):
            break
    return [
        {
            "name": version.name,
            "version": int(version.version),
            "run_id": version.run_id or "",
            "status": version.status,
            "created_ms": version.creation_timestamp,
            "updated_ms": version.last_updated_timestamp,
            "description": version.description or "",
            "source": version.source or "",
            "tags": dict(version.tags),
            "aliases": [],
        }
        for version in sorted(found, key=lambda version: -int(version.version))
    ]
