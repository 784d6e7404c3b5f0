"""Whether what is installed is what this program was made for, and nothing known to be bad."""

import platform
import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from heimdall_console.doctor.finding import Finding
from heimdall_console.formatting import counted

PROGRAM: Final = "heimdall-console"
_LEAST_PYTHON: Final = (3, 11)
_CONSTRAINTS: Final = Path(__file__).parent.parent.parent / "constraints.txt"
_NAMED: Final = ("torch", "pytorch-lightning", "mlflow", "onnx", "onnxruntime", "textual")

KNOWN_BAD: Final[dict[str, tuple[frozenset[str], str]]] = {
    "pytorch-lightning": (
        frozenset({"2.6.2", "2.6.3"}),
        "a malicious upload that takes credentials",
    ),
    "lightning": (frozenset({"2.6.2", "2.6.3"}), "a malicious upload that takes credentials"),
}
"""Package → its releases that must not be used, and why."""

Installed = Callable[[str], str | None]
"""Name of a package → its installed release, or None; nothing is imported for it."""


def installed_release(name: str) -> str | None:
    """The release of a package that is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def package_findings(
    installed: Installed = installed_release, constraints: Path = _CONSTRAINTS
) -> list[Finding]:
    """What is to be said of the installed packages.

    Args:
        installed: Tells the release of a package.
        constraints: Releases that the program was tested with; read where it exists.
    """
    return [_program(installed), _python(), _ranges(installed, constraints), _known_bad(installed)]


def is_any_known_bad(installed: Installed = installed_release) -> bool:
    """Whether something is installed that must not even be imported."""
    return any(installed(name) in releases for name, (releases, _) in KNOWN_BAD.items())


def _program(installed: Installed) -> Finding:
    release = installed(PROGRAM)
    folder = Path(__file__).parent.parent.parent
    if release is None:
        return Finding(
            "program",
            "warning",
            f"a checkout that is not installed, in {folder}",
            "`make environment` installs it into .venv",
        )
    return Finding("program", "ok", f"{PROGRAM} {release}", figures={"release": release})


def _python() -> Finding:
    release = platform.python_version()
    text = f"{release}, {sys.executable}"
    if sys.version_info < _LEAST_PYTHON:
        wanted = ".".join(map(str, _LEAST_PYTHON))
        return Finding("python", "failed", text, f"Use Python {wanted} or newer")
    return Finding("python", "ok", text, figures={"release": release})


def _ranges(installed: Installed, constraints: Path) -> Finding:
    """Whether every package is in the range that the program declares."""
    from packaging.requirements import Requirement
    from packaging.version import InvalidVersion

    try:
        declared = [Requirement(line) for line in requires(PROGRAM) or ()]
    except PackageNotFoundError:
        return Finding("packages", "skipped", "not known: the program is not installed")
    wrong: dict[str, str] = {}
    found: dict[str, str] = {}
    for requirement in declared:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        release = installed(requirement.name)
        if release is None:
            wrong[requirement.name] = f"{requirement.name} is missing"
            continue
        found[requirement.name] = release
        try:
            fits = requirement.specifier.contains(release, prereleases=True)
        except InvalidVersion:
            fits = False
        if not fits:
            wrong[requirement.name] = f"{requirement.name} {release} is not {requirement.specifier}"
    if wrong:
        return Finding(
            "packages",
            "failed",
            "; ".join(wrong.values()),
            "`make environment` installs what fits, or pip with constraints.txt",
            {"releases": found},
        )
    named = ", ".join(f"{name} {found[name]}" for name in _NAMED if name in found)
    others = _untested(found, constraints)
    if others:
        named += f"; {counted(len(others), 'package')} not in the release that was tested"
    return Finding("packages", "ok", named, figures={"releases": found, "untested": others})


def _untested(found: dict[str, str], constraints: Path) -> list[str]:
    try:
        lines = constraints.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pins = dict(_pins(lines))
    # A build for one kind of GPU has its name behind a plus.
    return sorted(
        name
        for name, release in found.items()
        if (pin := pins.get(_plain_name(name))) and release.partition("+")[0] != pin
    )


def _pins(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, equals, release = line.partition("==")
        if equals and not line.startswith("#"):
            yield _plain_name(name.strip()), release.strip().partition("+")[0]


def _plain_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _known_bad(installed: Installed) -> Finding:
    found = [
        f"{name} {release}: {why}"
        for name, (releases, why) in KNOWN_BAD.items()
        if (release := installed(name)) in releases
    ]
    if not found:
        names = ", ".join(f"{name} {'/'.join(sorted(r))}" for name, (r, _) in KNOWN_BAD.items())
        return Finding("known bad", "ok", f"none of {names}")
    return Finding(
        "known bad",
        "failed",
        "; ".join(found),
        "Do not train with it: remove it, install another release, and change the credentials "
        "that this machine has seen since",
    )
