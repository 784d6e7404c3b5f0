"""Live: all GPUs of a machine are seen at once, at any size."""

from pathlib import Path
from typing import Any

import pytest

from heimdall_console.app import HeimdallApp
from heimdall_console.hardware_text import hardware_text
from heimdall_console.screens.live import LiveScreen
from tests.console.test_live_screen import golden_run, text_of, until
from training_core.contract.run_log import RunLogWriter

GIB = 2**30


def record(gpus: int) -> dict[str, Any]:
    """What a worker measures on a machine with GPUs, each with another load."""
    return {
        "gpus": [
            {
                "index": index,
                "name": "NVIDIA H200 141GB HBM3e with a name that has no end",
                "utilization_percent": 90 + index,
                "used_bytes": (10 + index) * GIB,
                "total_bytes": 141 * GIB,
                "temperature_c": 50 + index,
                "power_w": 400.0,
                "power_limit_w": 700.0,
                "worker_bytes": 9 * GIB,
            }
            for index in range(gpus)
        ],
        "torch": [{"device": n, "allocated_bytes": (5 + n) * GIB} for n in range(gpus)],
        "rss_bytes": 3 * GIB,
        "cpu_percent": 150.0,
    }


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_eight_gpus_are_seen_at_once(isolated_home: Path, size: tuple[int, int]) -> None:
    run = golden_run(isolated_home)
    lines = [line for line in run.log_path.read_text().splitlines() if '"hardware"' not in line]
    run.log_path.write_text("\n".join(lines) + "\n")
    with RunLogWriter(run.log_path) as log:
        log.append("hardware", **record(8))
    app = HeimdallApp(isolated_home, run_ids=(run.id,))
    async with app.run_test(size=size) as pilot:
        screen = app.screen_stack[0]
        assert isinstance(screen, LiveScreen)
        await until(pilot, lambda: screen.grid.charts, "charts")
        if size[0] == 80:
            line = screen.query_one("#live-hardware-line")
            await until(pilot, lambda: "8 GPUs" in str(line.render()), "the line")
            said = str(line.render())
            assert "8 GPUs 90 91 92 93 94 95 96 97 %" in said
            assert "up to 17.0 of 141.0 GiB" in said
            await pilot.press("h")
        await until(pilot, lambda: "[0]" in text_of(screen, "#hardware-words"), "the panel")
        words = text_of(screen, "#hardware-words")
        rows = {line.split()[0]: line.split()[-8:] for line in words.splitlines()[-3:]}
        assert rows["GPU"] == ["[0]", "1", "2", "3", "4", "5", "6", "7"]
        assert rows["load"] == ["90", "91", "92", "93", "94", "95", "96", "97"]
        assert rows["GiB"] == ["10", "11", "12", "13", "14", "15", "16", "17"]
        assert "d  next of 8 GPUs" in words.splitlines()[0], "a long name leaves room for the key"
        for index in (1, 2, 3, 4, 5, 6, 7, 0):
            await pilot.press("d")
            assert f"GPU {index} memory" in text_of(screen, "#gpu-memory")
            assert f"{5 + index}.0" in text_of(screen, "#gpu-memory")
            assert f"[{index}]" in text_of(screen, "#hardware-words")
            assert f"load {90 + index} %" in text_of(screen, "#hardware-words")


def test_where_each_gpu_has_room_each_is_told() -> None:
    assert hardware_text(record(2), 120).startswith(
        "GPU 0 90 % 10.0 of 141.0 GiB 50 °C   GPU 1 91 % 11.0 of 141.0 GiB 51 °C   CPU 150 %"
    )
    assert hardware_text(record(2), 60).startswith("2 GPUs 90 91 %   up to 11.0 of 141.0 GiB")
    one_is_silent = record(2)
    one_is_silent["gpus"][0] = {"index": 0}
    assert hardware_text(one_is_silent, 30) == "2 GPUs - 91 %"
    assert hardware_text({"gpus": [{"index": 0}, {"index": 1}]}, 10) == "2 GPUs - - %"
