"""Whose turn it is, as a pure function of the queue and the machine."""

from collections.abc import Sequence

import pytest

from heimdall_console.gpu_occupancy import Gpu, visible
from heimdall_console.queue import QueueEntry
from heimdall_console.queue_turns import Machine, Turn, decide


def entry(run_id: str, accelerator: str = "auto", devices: int = 1, **more: object) -> QueueEntry:
    return QueueEntry.model_validate(
        {
            "run_id": run_id,
            "order": "1",
            "accelerator": accelerator,
            "devices": devices,
            "working_folder": "/",
            "added": 0.0,
            **more,
        }
    )


def machine(
    gpus: int = 0,
    busy: Sequence[int] = (),
    cpu_places: int = 1,
    training: Sequence[QueueEntry] = (),
    cpu_others: int = 0,
) -> Machine:
    found = [Gpu(index, index in busy) for index in range(gpus)]
    return Machine(found, cpu_places, training, cpu_others)


def beginning(turns: list[Turn]) -> dict[str, tuple[int, ...]]:
    return {turn.entry.run_id: turn.gpus for turn in turns if turn.begins}


def ended(run_id: str) -> bool:
    return run_id.startswith("ended")


def test_as_many_begin_on_the_cpu_as_there_are_places() -> None:
    queue = [entry("a"), entry("b"), entry("c")]
    assert list(beginning(decide(queue, machine(), ended))) == ["a"]
    assert list(beginning(decide(queue, machine(cpu_places=2), ended))) == ["a", "b"]
    busy = machine(cpu_places=2, training=[entry("x", begun=1.0)])
    assert list(beginning(decide(queue, busy, ended))) == ["a"]
    assert beginning(decide(queue, machine(cpu_others=1), ended)) == {}


def test_gpus_are_given_once_and_busy_ones_not_at_all() -> None:
    queue = [entry("a", devices=2), entry("b", "gpu"), entry("c", "cpu")]
    there = machine(gpus=5, busy=[0], training=[entry("x", begun=1.0, gpus=[2])])
    assert beginning(decide(queue, there, ended)) == {"a": (1, 3), "b": (4,), "c": ()}


def test_a_run_on_many_gpus_is_not_passed_by_smaller_ones() -> None:
    queue = [entry("big", devices=2), entry("small"), entry("on-cpu", "cpu")]
    turns = decide(queue, machine(gpus=2, busy=[0]), ended)
    assert beginning(turns) == {"on-cpu": ()}
    assert [turn.waits_for for turn in turns] == ["2 GPUs, 1 free", "the runs before it", ""]


def test_who_waits_for_another_run_lets_others_pass() -> None:
    queue = [entry("a", after="alive"), entry("b", after="ended-1")]
    turns = decide(queue, machine(), ended)
    assert list(beginning(turns)) == ["b"]
    assert turns[0].waits_for == "the end of alive"


def test_what_asks_for_more_than_there_is_begins_and_says_so_itself() -> None:
    assert beginning(decide([entry("a", "gpu", 8)], machine(gpus=2), ended)) == {"a": (0, 1)}
    assert beginning(decide([entry("a", "gpu", 8)], machine(), ended)) == {"a": ()}


UUIDS = {0: "GPU-aaaa", 1: "GPU-bbbb", 2: "GPU-bbcc"}


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("2,0", [2, 0]),
        ("GPU-a,1", [0, 1]),
        ("GPU-b", []),
        ("0,7,1", [0]),
        ("1,1", [1]),
        ("-1", []),
    ],
)
def test_hidden_gpus_are_not_given_away(variable: str | None, expected: list[int]) -> None:
    assert list(visible(UUIDS, variable)) == expected
