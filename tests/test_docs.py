"""Documents say what is: every command, option, column, key and exit code that they name exists."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import typer
from pydantic import BaseModel

from heimdall_console.cli import COMMANDS, app
from heimdall_console.lazy_command import LazyCommand
from training_core.contract.config import Config
from training_core.contract.config_file import all_keys, load_config
from training_core.contract.errors import ExitCode
from training_core.data.import_npy import import_npy
from training_core.data.mapping import LongMapping, WideMapping, load_mapping
from training_core.data.tables import SCHEMAS

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    [
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *(REPOSITORY / "docs").glob("*.md"),
    ]
)
EXAMPLES = sorted((REPOSITORY / "examples").rglob("*.toml"))
PROGRAM = "heimdall-console"


def command_tree() -> Any:
    """Return typer's tree of commands, with those loaded that load when they are called."""
    root: Any = typer.main.get_command(app)
    for name, help_line in COMMANDS.items():
        lazy = LazyCommand(name, help_line, f"heimdall_console.commands.{name}")
        root.add_command(lazy.load())
    return root


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command that does something, with the words that lead to it."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from leaves(child, (*path, name))


def problem_with(line: str) -> str:
    """Say what is wrong with a documented command line, or return ""."""
    words = shlex.split(line, comments=True)[1:]
    command, path = command_tree(), [PROGRAM]
    while getattr(command, "commands", None) is not None and words:
        if words[0].startswith("-"):
            break
        name = words.pop(0)
        if name not in command.commands:
            return f"{' '.join(path)} has no command {name}"
        command = command.commands[name]
        path.append(name)
    options = {option for p in command.params for option in [*p.opts, *p.secondary_opts]}
    for word in words:
        option = word.partition("=")[0].replace("_", "-")  # both spellings are taken
        if word.startswith("--") and option not in options | {"--help"}:
            return f"{' '.join(path)} has no option {option}"
    return ""


def documented_lines(text: str) -> list[str]:
    """Return the command lines of ours that a text names in code."""
    inline = re.findall(r"`(?:\.venv/bin/)?(heimdall-console(?: [^`\n]*)?)`", text)
    blocks = re.findall(
        r"^(?:    |\$ |    \$ )?(?:\.venv/bin/)?(heimdall-console [^\n`]*)$",
        text,
        flags=re.MULTILINE,
    )
    return [line.partition(" |")[0].partition(" >")[0] for line in [*inline, *blocks]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    problems = [
        f"{line}: {problem}"
        for line in documented_lines(document.read_text(encoding="utf-8"))
        if (problem := problem_with(line))
    ]
    assert not problems


def test_the_readme_names_every_command() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    missing = [p for p, c in leaves(command_tree()) if not c.hidden and " ".join(p) not in text]
    assert not missing


def test_every_command_has_an_example_that_fits_its_options() -> None:
    problems = []
    for path, command in leaves(command_tree()):
        if command.hidden:
            continue
        words = " ".join([PROGRAM, *path])
        text = "\n".join(filter(None, [command.help, command.epilog]))
        lines = [line for line in re.findall(rf"{PROGRAM} [^\n`]*", text) if line.startswith(words)]
        if not lines:
            problems.append(f"{words}: no example in its help")
        problems += [f"{line}: {p}" for line in lines if (p := problem_with(line.rstrip(". ")))]
    assert not problems


def test_every_make_target_that_a_document_names_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:`|^    |^)make ([a-z][a-z-]*)", text, flags=re.MULTILINE))
        assert named <= targets, document.name


def test_every_make_target_is_explained() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    lines = re.findall(r"^[a-z-]+:.*$", makefile, flags=re.MULTILINE)
    assert lines
    assert not [line for line in lines if "## " not in line]


def test_relative_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("script", ["write_config_reference.py", "write_key_card.py"])
def test_what_is_written_from_the_code_is_up_to_date(script: str) -> None:
    answer = subprocess.run(
        [sys.executable, str(REPOSITORY / "scripts" / script), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key of a schema with its description, sections included."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        yield key, field.description or ""
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{key}.")


@pytest.mark.parametrize(("key", "description"), list(fields(Config)), ids=lambda v: str(v)[:40])
def test_every_key_of_the_configuration_is_described(key: str, description: str) -> None:
    assert len(description.split()) >= 2
    assert description.endswith(".")


def test_every_key_of_the_configuration_stands_in_its_reference() -> None:
    text = (REPOSITORY / "docs" / "config.md").read_text(encoding="utf-8")
    for path in all_keys():
        assert f"`{path[-1]}`" in text or f"`[{'.'.join(path)}]`" in text


def test_the_data_contract_names_every_column_with_its_type() -> None:
    text = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    for name, schema in SCHEMAS.items():
        section = text.partition(f"## `{name}.parquet`")[2].partition("\n## ")[0]
        documented = re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section, flags=re.MULTILINE)
        assert documented == [(field.name, str(field.type)) for field in schema]


def test_the_readme_names_every_exit_code() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Exit codes")[2].partition("\n## ")[0]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", section, flags=re.MULTILINE)}
    assert documented == {int(code) for code in ExitCode}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_every_shipped_toml_loads(path: Path) -> None:
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    if values.keys() <= Config.model_fields.keys():
        load_config(path)
    else:
        load_mapping(path)


def test_the_changelog_knows_this_version() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert f"\n## {project['version']}" in changelog


def test_no_document_names_a_place_on_one_machine() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.])/(?:work|tmp|home|root|opt)/", text), document.name


def mapping_keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield every key of a mapping file, at any depth."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        kinds = (field.annotation, *get_args(field.annotation))
        for kind in (inner for k in kinds for inner in (k, *get_args(k))):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from mapping_keys(kind)


@pytest.mark.parametrize("model", [WideMapping, LongMapping], ids=lambda m: m.__name__)
def test_the_data_contract_names_every_key_of_a_mapping(model: type[BaseModel]) -> None:
    text = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    section = text.partition("### Keys of a mapping")[2]
    keys = set(mapping_keys(model)) - {"dataset", "sessions", "receivers", "readings", "splits"}
    assert not {key for key in keys if not re.search(rf"\b{key}\b", section)}


def test_the_documented_metadata_of_iq_arrays_import(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    block = text.partition("```json\n")[2].partition("```")[0]
    folder = tmp_path / "recordings" / "train"
    folder.mkdir(parents=True)
    (folder / "0_meta.json").write_text(block, encoding="utf-8")
    np.save(folder / "0_iq.npy", np.ones((2, 64), np.complex64), allow_pickle=False)
    np.save(folder / "0_label.npy", np.array([40.768, -111.84]), allow_pickle=False)
    store = import_npy(folder.parent, tmp_path / "dataset")
    assert store.receiver_ids == ["roof", "bus"]
    assert store.sessions["track"].to_pylist() == ["drive-1"]
    assert store.observations["toa_ns"].to_pylist() == [1025, None]


def test_the_pictures_of_the_documents_are_those_that_the_tests_judge() -> None:
    script = REPOSITORY / "scripts" / "copy_pictures.py"
    said = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
