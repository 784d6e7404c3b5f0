"""How long it takes to list, sort and filter ten thousand runs of MLflow.

The runs are written straight into an embedded database, with 40 parameters, 10 metrics and 8 tags
each. The reader process of the console and MLflow's own client, in a process of its own, list
them in turns; then the list is sorted and filtered as the screen does it.

    python benchmarks/tracking_list.py --runs 10000 --rounds 3
"""

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from heimdall_console.run_columns import column_of
from heimdall_console.run_list import RunList
from heimdall_console.sources.tracking_reader import TrackingReader

PAGE_TO_REACH_S = 0.5
SORT_TO_REACH_S = 0.1
START_MS = 1_790_000_000_000
QUERIES = (
    "run-012",
    "lr>=1e-3 model:localization_net | tag:baseline -state:failed",
    "m3<0.5 age<400d",
)
SORTS = ("name", "best", "metric:val/m3", "param:optimizer.learning_rate", "age")

CLIENT = """
import json, sys, time
began = time.perf_counter()
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
client.search_experiments(max_results=1)
up = time.perf_counter()
order = ["attributes.start_time DESC"]
page = client.search_runs(["0"], max_results=200, order_by=order)
first = time.perf_counter()
count = len(page)
while page.token:
    page = client.search_runs(["0"], max_results=1000, order_by=order, page_token=page.token)
    count += len(page)
print(json.dumps([up - began, first - up, time.perf_counter() - up, count]))
"""


def fill(path: Path, count: int) -> None:
    """Write the runs."""
    chance = random.Random(1)
    names = [f"part{place % 6}.setting_{place}" for place in range(38)]
    runs, params, metrics, tags = [], [], [], []
    for place in range(count):
        run_id = f"{chance.getrandbits(128):032x}"
        status = chance.choice(["FINISHED"] * 8 + ["FAILED", "KILLED"])
        start_ms = START_MS + 60_000 * place
        ended = (start_ms, start_ms + 50_000)
        runs.append((run_id, f"run-{place:05d}", "UNKNOWN", "me", status, *ended, "active", 0))
        values = {name: str(chance.random()) for name in names}
        values["optimizer.learning_rate"] = f"{10 ** chance.uniform(-5, -1):.3g}"
        values["model.name"] = chance.choice(["localization_net", "receiver_set_net"])
        params += [(key, value, run_id) for key, value in values.items()]
        for number in range(10):
            metrics.append((f"val/m{number}", chance.random(), start_ms, 100, 0, run_id))
        labels = {f"label{number}": "abc" for number in range(6)}
        labels |= {"mlflow.user": "me", "user.stage": chance.choice(["baseline", "new"])}
        tags += [(key, value, run_id) for key, value in labels.items()]
    with sqlite3.connect(path) as database:
        for table, columns, rows in (
            (
                "runs",
                "run_uuid, name, source_type, user_id, status, start_time, end_time,"
                " lifecycle_stage, experiment_id",
                runs,
            ),
            ("params", "key, value, run_uuid", params),
            ("latest_metrics", "key, value, timestamp, step, is_nan, run_uuid", metrics),
            ("tags", "key, value, run_uuid", tags),
        ):
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
    database.close()


def list_with_reader(home: Path, uri: str) -> tuple[float, float, float, RunList]:
    """Seconds until the reader is up, to its first page after that, and to the last one."""
    reader = TrackingReader(home, uri)
    began = time.perf_counter()
    try:
        # The first request starts the process; one that asks nothing says when it is up.
        list(reader.stream("figures", runs=[], metric=""))
        up = time.perf_counter()
        listed = RunList({"val/m1": "min"})
        first_s, is_first = 0.0, True
        for answer in reader.stream("runs"):
            if is_first:
                first_s = time.perf_counter() - up
            listed.learn(
                listed.rows.take_tracked(answer["runs"], [], is_first=is_first, is_last=False)
            )
            is_first = False
        return up - began, first_s, time.perf_counter() - up, listed
    finally:
        reader.close()


def list_with_client(uri: str) -> list[float]:
    """The same with MLflow's client."""
    words = [sys.executable, "-c", CLIENT, uri]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def timed(function: Any) -> float:
    """Median seconds of five calls, of the processor: others may work beside us."""
    spent = []
    for _ in range(5):
        began = time.process_time()
        function()
        spent.append(time.process_time() - began)
    return median(spent)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    from training_core.publishing.mlflow_store import MlflowStore

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        MlflowStore.connect("", home)
        fill(home / "mlflow.db", options.runs)
        uri = f"sqlite:///{home / 'mlflow.db'}"
        ours: list[tuple[float, float, float]] = []
        theirs: list[list[float]] = []
        listed = RunList({})
        for _ in range(options.rounds):
            *seconds, listed = list_with_reader(home, uri)
            ours.append((seconds[0], seconds[1], seconds[2]))
            theirs.append(list_with_client(uri))
            assert theirs[-1][3] == listed.total == options.runs
    print(f"{options.runs:,} runs, median of {options.rounds}     reader    MLflow client   ratio")
    for place, name in enumerate(("until it answers", "first page", "all of them")):
        our = median(seconds[place] for seconds in ours)
        their = median(seconds[place] for seconds in theirs)
        print(f"  {name:<28} {our:8.3f} s   {their:8.3f} s   {our / their:8.3f}")
    first_s = median(seconds[1] for seconds in ours)
    print(f"first page {first_s:.3f} s, to reach: {PAGE_TO_REACH_S} s")
    listed.context.now_s = START_MS / 1000 + 60.0 * options.runs
    slowest_s = 0.0
    for sort_id in SORTS:
        assert column_of(sort_id) is not None
        listed.sort_id = sort_id

        def sort_and_arrange() -> None:
            listed.is_descending = not listed.is_descending
            listed.lines()

        spent_s = timed(sort_and_arrange)
        slowest_s = max(slowest_s, spent_s)
        print(f"  sort by {sort_id:<52} {1000 * spent_s:6.1f} ms")
    listed.sort_id = "age"
    for query in QUERIES:

        def filter_and_arrange(query: str = query) -> None:
            listed.set_query(query)
            assert listed.query_error is None, listed.query_error
            listed.lines()

        spent_s = timed(filter_and_arrange)
        slowest_s = max(slowest_s, spent_s)
        print(f"  filter {query:<53} {1000 * spent_s:6.1f} ms   {listed.shown:,} runs")
    print(f"slowest {1000 * slowest_s:.1f} ms of a core, to reach: {1000 * SORT_TO_REACH_S:.0f} ms")


if __name__ == "__main__":
    main()
