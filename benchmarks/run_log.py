"""What the run log costs: appending a record, reading a long log from nothing, following it.

Every figure is printed beside its budget. Reading and following are measured in fresh processes
that alternate; a ratio near 1 says that the length of the log does not matter.

    python benchmarks/run_log.py --steps 100000 --rounds 5
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from training_core.contract.run_log import RunLogWriter

APPEND_S, READ_S, MEMORY_BYTES = 10e-6, 0.35, 60e6
METRICS = [f"train/metric_{number}" for number in range(10)]

READ = """
import resource, sys, time
from pathlib import Path
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
bare = resident()
import heimdall_console.series
from training_core.contract.run_log import PIECE_BYTES, RunLogReader
began = time.perf_counter()
reader, store = RunLogReader(Path(sys.argv[1])), heimdall_console.series.SeriesStore()
while records := reader.read_new(PIECE_BYTES):
    store.take(records)
took = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
points = sum(map(len, store.series.values()))
import orjson
with open(sys.argv[1], "rb") as file:
    began = time.perf_counter()
    while lines := file.readlines(PIECE_BYTES):
        orjson.loads(b"[" + b",".join(lines) + b"]")
    parsing = time.perf_counter() - began
print(points, took, peak - bare, took / parsing)
"""
FOLLOW = """
import sys, time
from pathlib import Path
from statistics import median
from heimdall_console.series import SeriesStore
from training_core.contract.run_log import PIECE_BYTES, RunLogReader, RunLogWriter
path = Path(sys.argv[1])
reader, store = RunLogReader(path), SeriesStore()
while records := reader.read_new(PIECE_BYTES):
    store.take(records)
values = dict.fromkeys(list(store.series)[:10], 1.0)
first, times = len(store.series[next(iter(values))]), []
with RunLogWriter(path) as log:
    for step in range(first, first + 2000):
        log.append("metrics", step=step, epoch=0, values=values)
        began = time.perf_counter()
        store.take(reader.read_new())
        times.append(time.perf_counter() - began)
assert len(store.series[next(iter(values))]) == first + 2000
print(median(times))
"""


def append(path: Path, steps: int) -> list[float]:
    """Seconds that each record took."""
    times = []
    with RunLogWriter(path) as log:
        for step in range(steps):
            values = {name: step / (7 + place) for place, name in enumerate(METRICS)}
            began = time.perf_counter()
            log.append("metrics", step=step, epoch=step // 1000, values=values)
            times.append(time.perf_counter() - began)
    return times


def answer(program: str, path: Path) -> list[float]:
    """Numbers that a fresh process prints."""
    words = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def line(what: str, value: str, budget: str, *, is_met: bool) -> None:
    """One row of the table."""
    print(f"{what:34s}{value:>12s}   to reach: {budget}{'' if is_met else '  MISSED'}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = append(Path(folder) / "log.jsonl", options.steps)
        logs = [Path(folder) / f"{share}.jsonl" for share in (1, 10, 100)]
        for share, path in zip((1, 10, 100), logs, strict=True):
            append(path, options.steps * share // 100)
        reads, follows = [], []
        for _ in range(options.rounds):
            reads.append(answer(READ, Path(folder) / "log.jsonl"))
            follows.append([answer(FOLLOW, path)[0] for path in logs])
    assert all(points == 10 * options.steps for points, *_ in reads)
    tenth = len(times) // 10
    middle, first, last = median(times), median(times[:tenth]), median(times[-tenth:])
    line("append, 10 metrics", f"{middle * 1e6:.1f} µs", "10 µs", is_met=middle <= APPEND_S)
    line("  last tenth ÷ first tenth", f"{last / first:.2f}", "1", is_met=last <= 1.25 * first)
    took, memory = median(r[1] for r in reads), median(r[2] for r in reads)
    steps = f"read 10 × {options.steps:,} from nothing"
    line(steps, f"{took:.3f} s", "0.35 s", is_met=took <= READ_S)
    ratio = median(r[3] for r in reads)
    print(f"{'  ÷ parsing its JSON, nothing else':34s}{ratio:12.2f}")
    what = "  more than the bare interpreter"
    line(what, f"{memory / 1e6:.0f} MB", "60 MB", is_met=memory <= MEMORY_BYTES)
    short, middling, long = (median(column) for column in zip(*follows, strict=True))
    print(f"{'follow: one record':34s}{short * 1e6:9.1f} µs")
    for name, value in (("10", middling), ("100", long)):
        ratio = value / short
        line(f"  {name} × as long ÷ that", f"{ratio:.2f}", "1", is_met=ratio <= 1.25)


if __name__ == "__main__":
    main()
