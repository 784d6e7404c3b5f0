"""What is shipped: themes in the wheel and the sdist, pins that hold what the ranges ask for."""

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
THEMES = sorted((REPOSITORY / "themes").glob("*.toml"))
HEX_COLOR = re.compile(r"#[0-9a-f]{6}")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """Names of the files in the wheel and in the sdist, both built from this checkout."""
    folder = tmp_path_factory.mktemp("distributions")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run(
        [*command, "--wheel", "--sdist", str(REPOSITORY)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        in_sdist = {name.partition("/")[2] for name in sdist.getnames()}
    return in_wheel, in_sdist


def test_themes_are_in_the_wheel_and_in_the_sdist(
    distributions: tuple[set[str], set[str]],
) -> None:
    in_wheel, in_sdist = distributions
    assert THEMES
    for theme in THEMES:
        assert f"heimdall_console/themes/{theme.name}" in in_wheel
        assert f"themes/{theme.name}" in in_sdist


def test_both_packages_are_shipped_whole(distributions: tuple[set[str], set[str]]) -> None:
    in_wheel, in_sdist = distributions
    for package in ("heimdall_console", "training_core"):
        for module in (REPOSITORY / package).rglob("*.py"):
            name = module.relative_to(REPOSITORY).as_posix()
            assert name in in_wheel
            assert name in in_sdist


def test_the_recording_of_the_tour_is_shipped(
    distributions: tuple[set[str], set[str]],
) -> None:
    for names in distributions:
        assert "heimdall_console/tour/recording.tar.xz" in names


def test_the_wheel_carries_its_license_and_nothing_foreign(
    distributions: tuple[set[str], set[str]],
) -> None:
    in_wheel, _ = distributions
    tops = {name.partition("/")[0] for name in in_wheel}
    assert {t for t in tops if not t.endswith(".dist-info")} == {
        "heimdall_console",
        "training_core",
    }
    assert any(name.endswith("licenses/LICENSE") for name in in_wheel)


def test_the_sdist_can_rebuild_and_test_the_project(
    distributions: tuple[set[str], set[str]],
) -> None:
    _, in_sdist = distributions
    wanted = {"pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE"}
    assert wanted <= in_sdist
    assert not [name for name in in_sdist if name.endswith((".ckpt", ".onnx", ".parquet", ".db"))]


def pins() -> dict[str, str]:
    """Return the pinned release of every package in constraints.txt."""
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pinned = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pinned}


def declared() -> list[Requirement]:
    """Return every dependency that pyproject.toml declares, those of development included."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return [
        Requirement(text)
        for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    ]


@pytest.mark.parametrize("requirement", declared(), ids=lambda r: r.name)
def test_every_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    assert pins()[canonicalize_name(requirement.name)] in requirement.specifier


def imported_packages(folder: str) -> set[str]:
    """Return the top-level names that the modules of a package import, at any depth."""
    found: set[str] = set()
    for module in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"heimdall_console", "training_core"}


@pytest.mark.parametrize("folder", ["heimdall_console", "training_core"])
def test_every_imported_package_is_declared(folder: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    names = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    # One release of pydantic takes exactly one release of its core.
    names.add(canonicalize_name("pydantic-core"))
    provided_by = packages_distributions()
    for package in imported_packages(folder):
        providers = {canonicalize_name(name) for name in provided_by.get(package, [package])}
        assert providers & names, f"{folder} imports {package}, which pyproject.toml leaves out"


def test_the_pins_name_no_place_to_download_from() -> None:
    text = (REPOSITORY / "constraints.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, flags=re.MULTILINE)


def test_every_dependency_says_what_it_is_for() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    for requirement in declared():
        line = next(li for li in text.splitlines() if li.strip().startswith(f'"{requirement.name}'))
        assert re.search(r'",\s+# \w', line), line


@pytest.mark.parametrize("path", THEMES, ids=lambda p: p.stem)
def test_a_theme_names_every_meaning_with_a_readable_color(path: Path) -> None:
    theme = tomllib.loads(path.read_text())
    reference = tomllib.loads(THEMES[0].read_text())
    assert theme["name"] == path.stem
    assert isinstance(theme["dark"], bool)
    sections = {k for k, v in theme.items() if isinstance(v, dict)}
    assert sections == {k for k, v in reference.items() if isinstance(v, dict)}
    background = theme["surface"]["background"]
    for section in sections:
        assert theme[section].keys() == reference[section].keys()
        for meaning, value in theme[section].items():
            for color in value if isinstance(value, list) else [value]:
                assert HEX_COLOR.fullmatch(color), f"{section}.{meaning} = {color}"
                if section == "surface" or meaning == "grid":
                    continue
                # WCAG's limit for text of normal size.
                assert contrast(color, background) >= 4.5, f"{section}.{meaning} = {color}"


def contrast(first: str, second: str) -> float:
    """Return the WCAG contrast ratio of two colors."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance of a color by WCAG 2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
