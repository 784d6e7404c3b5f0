"""The doctor: what it says of terminals, homes, packages, GPUs and servers, and that it ends."""

import json
import os
import socket
import sys
import time
from pathlib import Path

import pexpect
import pytest
from textual.widgets import Static

from heimdall_console.app import HeimdallApp
from heimdall_console.doctor.examination import examine
from heimdall_console.doctor.finding import Finding, Group, worst
from heimdall_console.doctor.gpus import findings_of
from heimdall_console.doctor.home import file_system_of, home_findings
from heimdall_console.doctor.packages import KNOWN_BAD, installed_release, package_findings
from heimdall_console.doctor.reports import Reports, read_reports
from heimdall_console.doctor.services import masked
from heimdall_console.doctor.terminal import TerminalView, terminal_findings
from heimdall_console.doctor.terminal_answers import Answers, parse_answers
from heimdall_console.doctor.text import group_lines, verdict_line
from heimdall_console.doctor.work import work_findings
from heimdall_console.screens.dialogs.doctor_page import DoctorPage
from heimdall_console.terminal import Terminal
from tests.console.programs import heimdall, write_settings
from tests.fake_driver import build_driver

ANSWERS = Answers(0.01, is_synchronized=True, has_mouse=True, has_clipboard=True)
GOOD_TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
FAKE_NVML = Path(__file__).resolve().parent.parent / "worker" / "fake_nvml.c"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    assert len({finding.name for finding in findings}) == len(findings)
    return {finding.name: finding for finding in findings}


def test_a_good_terminal_gets_no_advice() -> None:
    view = TerminalView((120, 40), "utf-8", True, GOOD_TERMINAL, ANSWERS)
    findings = terminal_findings(view)
    assert {finding.status for finding in findings} == {"ok"}
    assert not any(finding.advice for finding in findings)


@pytest.mark.parametrize(
    ("change", "name", "status", "said"),
    [
        ({"size": (79, 24)}, "size", "warning", "usable"),
        ({"size": (59, 24)}, "size", "warning", "do not fit"),
        ({"size": None}, "size", "skipped", "no terminal"),
        ({"environment": {"TERM": "dumb"}}, "type", "failed", "dumb"),
        ({"environment": {"TERM": "xterm-256color"}}, "colors", "warning", "256"),
        ({"environment": {"TERM": "vt100", "NO_COLOR": "1"}}, "colors", "ok", "NO_COLOR"),
        ({"encoding": "iso-8859-1"}, "characters", "warning", "ASCII"),
        ({"has_locale": False}, "characters", "warning", "not installed"),
        ({"answers": None}, "answers", "warning", "does not answer"),
        ({"answers": Answers(0.4, None, None, False)}, "answers", "warning", "400 ms"),
        ({"answers": Answers(0.4, None, None, False)}, "mouse", "skipped", "does not say"),
        ({"tmux": {"set-clipboard": "external"}}, "clipboard", "warning", "tmux keeps"),
        ({"tmux": {"set-clipboard": "on"}}, "clipboard", "ok", "tmux passes"),
        ({"tmux": {"allow-passthrough": "on"}}, "clipboard", "ok", "through tmux"),
        ({"environment": {"TERM": "screen", "STY": "1.x"}}, "clipboard", "warning", "GNU screen"),
    ],
)
def test_a_terminal_that_lacks_something_is_told(
    change: dict[str, object], name: str, status: str, said: str
) -> None:
    known: dict[str, object] = {"size": (80, 24), "environment": GOOD_TERMINAL, "answers": ANSWERS}
    view = TerminalView(**{**known, **change})  # type: ignore[arg-type]
    finding = by_name(terminal_findings(view))[name]
    assert finding.status == status
    assert said in finding.text
    assert bool(finding.advice) == (status in ("warning", "failed") or change == {"size": None})


def test_a_real_terminal_is_asked_and_left_as_it_was(repository: Path) -> None:
    asks = (
        "from heimdall_console.doctor.terminal_answers import ask_terminal; print(ask_terminal())"
    )
    child = pexpect.spawn(sys.executable, ["-c", asks], cwd=str(repository), timeout=30)
    child.expect_exact(b"\x1b[?2026$p\x1b[?1006$p\x1b[c")
    child.send(b"\x1b[?2026;2$y\x1b[?1006;0$y\x1b[?62;22;52c")
    child.expect(rb"is_synchronized=True, has_mouse=False, has_clipboard=True")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_terminal_that_says_something_else_has_not_answered() -> None:
    assert parse_answers(b"hello\x1b[A\x1b[?2026;1$y", 0.1) is None
    assert parse_answers(b"\x1b[?1;2c", 0.1) == Answers(0.1, None, None, False)


def test_the_file_system_is_that_of_the_innermost_mount() -> None:
    mounts = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "40 22 0:40 / /data rw shared:1 - nfs4 server:/data rw\n"
        "41 40 0:41 / /data/fast\\040disk rw - xfs /dev/sdb rw\nbroken\n"
    )
    assert file_system_of(Path("/data/home"), mounts) == "nfs4"
    assert file_system_of(Path("/data/fast disk/home"), mounts) == "xfs"
    assert file_system_of(Path("/database"), mounts) == "ext4"


def test_a_home_is_tried_and_left_as_it_was(isolated_home: Path) -> None:
    assert by_name(home_findings(isolated_home))["folder"].status == "ok"
    assert not isolated_home.exists()
    isolated_home.mkdir(mode=0o755)
    found = by_name(home_findings(isolated_home))
    assert found["privacy"].status == "warning"
    assert "chmod 700" in found["privacy"].advice
    assert found["locks"].status == found["writing"].status == "ok"
    assert not list(isolated_home.iterdir())


def test_a_home_that_cannot_be_used_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    assert by_name(home_findings(path))["folder"].status == "failed"
    credentials = tmp_path / "credentials.toml"
    credentials.write_text('tracking_token = "swordfish"\n')
    credentials.chmod(0o644)
    found = by_name(home_findings(tmp_path))["credentials"]
    assert found.status == "failed"
    assert "chmod 600" in found.advice


def test_packages_outside_their_range_and_known_bad_ones_fail(tmp_path: Path) -> None:
    assert worst([Group("versions", tuple(package_findings()))]) == "ok"
    changed = {"pytorch-lightning": "2.6.2", "textual": "9.0.0"}
    found = by_name(package_findings(lambda name: changed.get(name) or installed_release(name)))
    assert found["known bad"].status == "failed"
    assert "credentials" in found["known bad"].advice
    assert "textual 9.0.0" in found["packages"].text
    assert found["packages"].status == "failed"
    missing = by_name(package_findings(lambda name: None, tmp_path / "none"))
    assert "torch is missing" in missing["packages"].text
    assert KNOWN_BAD


def test_a_wrong_settings_file_is_told_with_its_line(isolated_home: Path) -> None:
    assert by_name(work_findings(isolated_home))["settings"].text == "the defaults"
    write_settings("[queue]\ncpu_run = 1\n")
    finding = by_name(work_findings(isolated_home))["settings"]
    assert finding.status == "failed"
    assert "cpu_run" in finding.text


def test_gpus_are_told_with_who_holds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_driver(FAKE_NVML, tmp_path)))
    monkeypatch.setenv("FAKE_NVML", "whole")
    driver = read_reports(["gpus"], 60).by_name["driver"]
    assert len(driver["gpus"]) == 8
    driver["processes"] = [
        {"gpu": 0, "used_bytes": 2e9, "pid": 7, "name": "python", "user": "ada", "session": 5},
        {"gpu": 1, "used_bytes": None, "pid": 8, "name": "x\x1b[2J", "user": "eve", "session": 8},
        {"gpu": 2, "used_bytes": None, "pid": 9, "name": None, "user": None, "session": None},
    ]
    built = {"release": "2.13.0", "cuda": "13.0", "is_available": False, "devices": 0}
    reports = Reports({"driver": driver, "torch": built})
    found = by_name(findings_of(reports, {5: "20261124-0915"}))
    assert "held by run 20261124-0915, 1.9 GiB" in found["GPU 0"].text
    assert "x\\x1b[2J of eve (8)" in found["GPU 1"].text
    assert "outside of this container" in found["GPU 2"].text
    assert found["torch"].status == "failed"
    assert "newer driver" in found["torch"].advice


def test_a_driver_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_driver(FAKE_NVML, tmp_path)))
    monkeypatch.setenv("FAKE_NVML", "never_starts")
    reports = read_reports(["gpus"], 1.0)
    assert reports.is_late
    (finding,) = findings_of(reports, {})
    assert finding.status == "failed"
    assert "did not answer" in finding.text


def test_what_cannot_be_looked_at_does_not_hide_the_rest(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> list[Finding]:
        raise OSError("the disk is gone")

    for name in ("gpu_findings", "service_findings"):
        monkeypatch.setattr(f"heimdall_console.doctor.examination.{name}", breaks)
    groups = {group.name: group for group in examine(isolated_home)}
    assert list(groups) == ["terminal", "versions", "home", "runs", "gpu", "servers"]
    assert "the disk is gone" in groups["gpu"].findings[0].text
    assert groups["home"].findings[0].status == "ok"


def test_the_command_tells_everything_and_no_secret(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "swordfish")
    isolated_home.mkdir(mode=0o700)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        config = tmp_path / "run.toml"
        config.write_text(f'[tracking]\nuri = "{address}"\n')
        answer = heimdall("doctor", "--config", str(config), "--json")
    assert answer.returncode == 1, answer.stderr
    assert "swordfish" not in answer.stdout
    told = json.loads(answer.stdout)
    assert told["status"] == "failed"
    findings = {(f["group"], f["name"]): f for f in told["findings"]}
    assert findings["servers", "tracking"]["status"] == "failed"
    assert address in findings["servers", "tracking"]["text"]
    assert findings["servers", "storage"]["status"] == "ok"
    assert "MLFLOW_TRACKING_TOKEN" in findings["home", "credentials"]["text"]
    assert findings["gpu", "torch"]["status"] == "ok" or os.path.exists("/dev/nvidiactl")
    assert not [path for path in isolated_home.iterdir() if "doctor" in path.name]


def test_rows_fit_the_terminal_and_secrets_are_masked() -> None:
    finding = Finding("tracking", "warning", "word " * 60 + "\x1b[2J[bold]", "do " * 60)
    group = Group("servers", (finding, Finding("x", "failed", "", ""), Finding("y", "ok", "z")))
    for terminal in (Terminal(width=80), Terminal(width=60, unicode=False)):
        lines = group_lines(group, terminal)
        assert all(len(line) < terminal.width for line in lines)
        assert "\\x1b[2J[bold]" in "\n".join(lines)
        if not terminal.unicode:
            assert "\n".join(lines).isascii()
    assert verdict_line([group], Terminal()).strip() == "1 failed, 1 warning, 1 in order"
    assert masked("s3+https://me:pw@host/x pw2", ["pw2"]) == "s3+https://****@host/x ****"


def test_the_terminal_under_the_console_is_not_asked() -> None:
    found = by_name(terminal_findings(TerminalView.of_console((120, 40))))
    assert found["answers"].status == "skipped"
    assert found["size"].text == "120 × 40"


async def test_the_console_shows_what_the_command_finds(isolated_home: Path) -> None:
    isolated_home.mkdir(mode=0o755)
    app = HeimdallApp(isolated_home, clock=lambda: 100.0)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.press("H")
        page = app.screen
        assert isinstance(page, DoctorPage)
        deadline = time.monotonic() + 100
        while not page.query(Static) and time.monotonic() < deadline:
            await pilot.pause(0.01)
        assert "looking at" in str(page.query_one(Static).content)
        while not page.is_done and time.monotonic() < deadline:
            await pilot.pause(0.05)
        shown = str(page.query_one(Static).content)
        title = str(page.query_one(".dialog").border_title)
    said = heimdall("doctor", "--json")
    expected = {(f["group"], f["name"]) for f in json.loads(said.stdout)["findings"]}
    found = {(group.name, finding.name) for group in page.groups for finding in group.findings}
    # Through a pipe the command says nothing of the terminal itself.
    assert {pair for pair in found if pair[0] != "terminal"} == {
        pair for pair in expected if pair[0] != "terminal"
    }
    assert f"chmod 700 {isolated_home}" in " ".join(shown.split())
    assert verdict_line(page.groups, Terminal()) in shown
    assert "warning" in title
