"""One configuration as text and as fields: edits, problems, differences, command lines, drafts."""

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from heimdall_console.config_changes import best_run, value_text
from heimdall_console.config_document import (
    ConfigDocument,
    file_origin,
    preset_origin,
    run_origin,
    text_origin,
)
from heimdall_console.config_drafts import DraftKeeper, drafts_folder
from heimdall_console.config_edits import with_value, without_value
from heimdall_console.config_fields import config_fields, config_sections, toml_literal
from heimdall_console.config_offers import beginning_offers, checkpoint_offers, dataset_offers
from heimdall_console.dataset_check import dataset_problems, named_dataset
from heimdall_console.run_index import list_runs
from heimdall_console.starting.launching import Plan, launch
from heimdall_console.starting.run_making import config_hash, make_run
from tests.console.programs import fake_command, heimdall, write_dataset
from training_core.contract.checkpoints import CheckpointSidecar, write_sidecar
from training_core.contract.config import Config
from training_core.contract.config_file import load_config
from training_core.contract.config_template import flat_values
from training_core.contract.errors import ConfigError, HeimdallError
from training_core.contract.run_dir import RunDir, find_run

TEXT = """\
# Mine.
[optimizer]
learning_rate = 1e-3   # careful
weight_decay = 0.02

# How long.
[trainer]
epochs = 5
"""


def document(text: str = TEXT) -> ConfigDocument:
    return ConfigDocument(text_origin(text, "mine"))


def test_every_key_of_the_schema_is_a_field_with_help() -> None:
    fields = config_fields()
    assert set(fields) == set(flat_values(Config()))
    assert all(field.help for field in fields.values())
    assert all(section.help for section in config_sections())
    assert fields["trainer.epochs"].limits == "1 … 1e9"
    assert fields["optimizer.learning_rate"].limits == "> 0, ≤ 10"
    assert fields["run.seed"].limits == "0 … 4,294,967,295"
    assert fields["trainer.precision"].choices == ("32-true", "bf16-mixed", "16-mixed")
    for key, value in flat_values(Config()).items():
        shown = fields[key].shown(value)
        assert tomllib.loads(f"v = {fields[key].literal(shown)}")["v"] == value


def test_a_field_changes_its_own_value_and_nothing_else() -> None:
    ours = document()
    ours.set_typed(config_fields()["optimizer.learning_rate"], "2e-3")
    assert ours.text == TEXT.replace("1e-3 ", "2e-3 ")
    ours.set_typed(config_fields()["optimizer.beta1"], ".95")
    ours.set_typed(config_fields()["run.seed"], "7")
    text = TEXT.replace("1e-3 ", "2e-3 ").replace("0.02\n", "0.02\nbeta1 = 0.95\n", 1)
    assert ours.text == text + "\n[run]\nseed = 7\n"
    assert [str(change) for change in ours.changes] == [
        "run.seed 42 → 7",
        "optimizer.learning_rate 0.001 → 0.002",
        "optimizer.beta1 0.9 → 0.95",
    ]
    ours.reset(config_fields()["run.seed"])
    ours.reset(config_fields()["optimizer.learning_rate"])
    assert "seed" not in ours.text
    assert "learning_rate = 0.001   # careful" in ours.text
    for _ in range(5):
        ours.undo()
    assert ours.text == TEXT
    assert ours.redo()
    assert "2e-3" in ours.text


@pytest.mark.parametrize(
    "text",
    [
        "trainer.epochs = 5\n",
        "trainer = { epochs = 5, batch_size = 2 }\n",
        '[trainer]\n"epochs" = 5',
        "[trainer]\r\nepochs = 5\r\n",
        '[run]\nname_prefix = """\n[trainer]\nepochs = 1\n"""\n[trainer]\nepochs = 5\n',
        "",
        "[data]\nchannels = [\n  'rssi_dbm', # x\n]\n# end",
    ],
)
def test_values_are_set_in_any_layout(text: str) -> None:
    for key, literal in (("epochs", "9"), ("batch_size", "64")):
        before = tomllib.loads(text)
        after = tomllib.loads(with_value(text, ("trainer", key), literal))
        assert after["trainer"][key] == int(literal)
        kept = {k: v for k, v in after["trainer"].items() if k != key}
        had = before.get("trainer", {})
        assert kept == {k: v for k, v in had.items() if k != key}
        assert {k: v for k, v in after.items() if k != "trainer"} == {
            k: v for k, v in before.items() if k != "trainer"
        }
    assert "epochs" not in tomllib.loads(without_value(text, ("trainer", "epochs"))).get(
        "trainer", {}
    )


def test_problems_have_lines_and_the_words_of_validate(tmp_path: Path) -> None:
    ours = document()
    ours.set_typed(config_fields()["trainer.epochs"], "ten")
    assert 'epochs = "ten"' in ours.text
    ours.set_typed(config_fields()["trainer.precision"], "64")
    file = tmp_path / "mine.toml"
    file.write_text(ours.text)
    said = heimdall("config", "validate", str(file)).stderr
    assert [p.line for p in ours.problems] == [8, 9]
    for problem in ours.problems:
        assert f"{file}:{problem.line}" in said
        assert problem.message in " ".join(said.split())
    assert ours.problem_of("trainer.epochs") == 'expected a valid integer, found "ten"'
    assert ours.problem_of("optimizer.learning_rate") == ""
    ours.replace_text(ours.text.replace('"ten"', "20").replace('"64"', "'32-true'"))
    assert ours.problems == ()
    ours.set_typed(config_fields()["model.receiver_set_net.heads"], "7")
    assert "must divide the width" in ours.problem_of("model.receiver_set_net.heads")


def test_text_that_is_not_toml_leaves_the_last_good_state_and_its_line() -> None:
    ours = document()
    ours.replace_text(TEXT.replace("epochs = 5", "epochs = 6\nbatch_size = = 3"))
    assert not ours.is_toml
    assert ours.problems[0].line == 9
    assert ours.flat["trainer.epochs"] == 5
    with pytest.raises(HeimdallError, match="Line 9"):
        ours.set_typed(config_fields()["trainer.epochs"], "7")
    ours.replace_text(ours.text.replace("= =", "="))
    assert ours.flat["trainer.epochs"] == 6


def test_hostile_values_are_text() -> None:
    ours = document()
    evil = '[red]\x1b[2J"\u202e' + "x" * 300
    ours.set_typed(config_fields()["data.dataset"], evil)
    assert ours.flat["data.dataset"] == evil
    assert "\x1b" not in value_text(evil)
    assert len(value_text(evil)) <= 60
    tags = {'we"ird key': "a=b", "plain": "\x7f"}
    ours.set_typed(config_fields()["run.tags"], toml_literal(tags))
    assert ours.flat["run.tags"] == tags


@pytest.fixture
def parent(isolated_home: Path) -> RunDir:
    write_dataset(isolated_home / "datasets" / "site")
    values = {"data": {"dataset": "site"}, "tracking": {"enabled": False}}
    return make_run(Config.model_validate(values), None, isolated_home)


def _launched_by(words: tuple[str, ...], home: Path) -> RunDir:
    command = fake_command({"epochs": 1}, *words[1:], "--prepare")
    done = subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return find_run(home, done.stdout.strip())


def test_the_command_line_makes_the_same_run(
    parent: RunDir, isolated_home: Path, tmp_path: Path
) -> None:
    """Begun from a run, a file and a preset: one configuration hash by form and by shell."""
    fields = config_fields()
    file = tmp_path / "mine.toml"
    file.write_text("[data]\ndataset = 'site'\n[tracking]\nenabled = false\n")
    preset = ConfigDocument(preset_origin("quick"))
    preset.set_typed(fields["data.dataset"], "site")
    preset.set_typed(fields["tracking.enabled"], "false")
    from_run = ConfigDocument(run_origin(isolated_home, parent.id))
    from_file = ConfigDocument(file_origin(file))
    for ours in (preset, from_run, from_file):
        ours.set_typed(fields["optimizer.learning_rate"], "2e-3")
        ours.set_typed(fields["run.tags"], "who = \"it's me\", 'a b' = 'true'")
        ours.set_typed(fields["run.name_prefix"], "true")
        ours.set_typed(fields["checkpoint.monitor"], "val/median_m")
        assert ours.problems == ()
        plan = Plan(
            ours.text,
            parent=ours.origin.name if ours.origin.is_run else "",
            file=ours.origin.source,
        )
        shown = shlex.split(shlex.join(ours.command()))
        by_shell = _launched_by(tuple(shown), isolated_home).read_info()
        repeated, source = plan.layout(isolated_home)
        by_form = make_run(
            ours.config(), source, isolated_home, parent=repeated, layout=ours.text
        ).read_info()
        assert by_form.config_hash == by_shell.config_hash
        assert by_form.changes == by_shell.changes
        assert by_form.parent == by_shell.parent
    assert preset.command()[:2] == ("heimdall-console", "run")
    assert from_run.command()[2:4] == ("--from", parent.id)
    assert "optimizer.learning_rate=0.002" in from_run.command()
    assert 'run.name_prefix="true"' in from_run.command()


def test_what_would_be_refused_is_blamed_on_its_key(parent: RunDir, isolated_home: Path) -> None:
    ours = ConfigDocument(run_origin(isolated_home, parent.id))
    for key, value in (("data.dataset", "nowhere"), ("checkpoint.init_from", "gone.ckpt")):
        other = ConfigDocument(ours.origin)
        other.set_typed(config_fields()[key], value)
        with pytest.raises(ConfigError) as caught:
            launch(isolated_home, Plan(other.text, parent=parent.id))
        assert [problem.key for problem in caught.value.problems] == [key]
        assert caught.value.unharmed
    assert len(list_runs(isolated_home)) == 1


def test_what_the_disk_lacks_is_said_before_anything_is_tried(isolated_home: Path) -> None:
    """A dataset that is not there, or has no such split, with what to do, at its key and line."""
    write_dataset(isolated_home / "datasets" / "campus")
    beside = isolated_home / "plans"
    write_dataset(beside / "near")
    file = beside / "mine.toml"

    def judged(data: str) -> list[tuple[str, str, int | None]]:
        file.write_text(f"[run]\nseed = 7\n[data]\n{data}\n")
        ours = ConfigDocument(file_origin(file))
        named = named_dataset(ours)
        if named is not None:
            ours.judge(named.about, dataset_problems(named, isolated_home))
        return [(found.key, found.message, found.line) for found in ours.problems]

    assert judged("dataset = 'campsu'") == [
        ("data.dataset", "there is no dataset campsu; did you mean campus?", 4)
    ]
    assert judged("dataset = 'xyz'") == [
        ("data.dataset", "there is no dataset xyz; datasets known by name: campus", 4)
    ]
    assert judged("dataset = 'campus'\nsplit = 'nowhere'") == [
        (
            "data.split",
            "no such split in this dataset; it has grid, place, track, date, random",
            5,
        )
    ]
    # What is right, and what is looked for by nobody here.
    assert judged("dataset = 'campus'\nsplit = 'grid'") == []
    assert judged("dataset = 'near'") == [], "it lies beside the file"
    assert judged("dataset = ''") == []
    own_data = judged("dataset = 'campsu'\nclass = 'my.package:Data'")
    assert not any("there is no dataset" in said for _, said, _ in own_data), "it is not used"
    # What is no text is said by the schema alone.
    assert [key for key, _, _ in judged("dataset = 7")] == ["data.dataset"]


def test_what_the_disk_lacks_stays_as_long_as_it_is_named(isolated_home: Path) -> None:
    ours = document()
    dataset = config_fields()["data.dataset"]

    def judge() -> None:
        named = named_dataset(ours)
        assert named is not None
        ours.judge(named.about, dataset_problems(named, isolated_home))

    ours.set_typed(dataset, "campus")
    judge()
    assert "data synth" in ours.problem_of("data.dataset"), "there is none yet: how to make one"
    named = named_dataset(ours)
    assert named is not None
    making = {isolated_home / "datasets" / "campus"}
    (found,) = dataset_problems(named, isolated_home, making)
    assert found.message == "is still being made; the jobs panel shows how far"
    ours.set_typed(config_fields()["trainer.epochs"], "7")
    assert ours.problem_of("data.dataset"), "another change does not make it right"
    ours.set_typed(dataset, "campus2")
    assert ours.problems == (), "nobody has looked for this one"
    ours.undo()
    assert ours.problem_of("data.dataset")
    write_dataset(isolated_home / "datasets" / "campus")
    judge()
    assert ours.problems == ()


def test_a_saved_document_is_the_file(parent: RunDir, isolated_home: Path, tmp_path: Path) -> None:
    ours = ConfigDocument(run_origin(isolated_home, parent.id))
    ours.set_typed(config_fields()["trainer.epochs"], "3")
    file = tmp_path / "saved.toml"
    file.write_text(ours.text)
    before = ours.is_unsaved
    ours.has_been_saved(file, ours.text)
    assert (before, ours.is_unsaved) == (True, False)
    assert ours.command() == ("heimdall-console", "run", "--config", str(file))
    assert config_hash(ours.config()) == config_hash(ConfigDocument(file_origin(file)).config())


def test_a_draft_is_kept_for_what_would_be_missed(isolated_home: Path) -> None:
    keeper = DraftKeeper(isolated_home)
    document = ConfigDocument(preset_origin("quick"))
    begin = document.text
    for text, is_kept in (
        (f"{begin}\n\n", False),
        (f"{begin}# only I know why\n", True),
        (f"{begin}[run", True),
    ):
        document.replace_text(text)
        keeper.keep(document)
        assert bool(list(drafts_folder().glob("[!.]*.json"))) is is_kept, text


def test_the_draft_of_a_killed_console_is_found_by_the_next_one(isolated_home: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from heimdall_console.config_document import ConfigDocument, preset_origin
from heimdall_console.config_drafts import DraftKeeper
from heimdall_console.config_fields import config_fields
ours = ConfigDocument(preset_origin("quick"))
ours.set_typed(config_fields()["trainer.epochs"], "17")
DraftKeeper(Path({str(isolated_home)!r})).keep(ours)
print("kept", flush=True)
signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "kept\n"
    keeper = DraftKeeper(isolated_home)
    assert keeper.left() == [], "that console is alive"
    process.kill()
    process.communicate()
    (draft,) = keeper.left()
    assert draft.about == "1 change"
    assert [str(change) for change in draft.document.changes] == ["trainer.epochs 30 → 17"]
    assert draft.document.origin.title == "preset quick"
    assert DraftKeeper(isolated_home / "other").left() == []
    draft.forget()
    assert keeper.left() == []
    keeper.keep(draft.document)
    assert keeper.left() == [], "our own is not offered"
    keeper.lay_aside()
    assert len(keeper.left()) == 1


def test_the_best_run_and_what_is_offered(parent: RunDir, isolated_home: Path) -> None:
    config = load_config(parent.config_path)
    for place, loss in enumerate((0.5, 0.25, 0.75)):
        run = make_run(config, None, isolated_home, name=f"[b]run-{place}")
        (run.checkpoints / "a.ckpt").write_bytes(b"x")
        saved = CheckpointSidecar(
            file="a.ckpt",
            step=1,
            epoch=3,
            metrics={"val/loss": loss},
            monitor="val/loss",
            size_bytes=1,
            sha256="0" * 64,
            created=1_790_000_000.0,
            run_id=run.id,
        )
        write_sidecar(run.checkpoints, saved)
    runs = list_runs(isolated_home)
    experiment = config.run.experiment
    for mode, name in (("min", "[b]run-1"), ("max", "[b]run-2")):
        best = best_run(runs, experiment, "val/loss", mode)
        assert best is not None
        assert best.info.name == name
    assert best_run(runs, "another", "val/loss", "min") is None
    labels = [offer.label for offer in checkpoint_offers(runs, 1_790_000_060.0)]
    assert labels == [
        "none",
        *(f"best of [b]run-{place}" for place in (2, 1, 0)),
        "another file…",
    ]
    datasets = [(offer.id, offer.about) for offer in dataset_offers(isolated_home)]
    assert datasets[0] == ("site", "1,200 sessions of 3 receivers")
    begin = [offer.id for offer in beginning_offers(runs, [], 1_790_000_060.0)]
    assert f"run:{parent.id}" in begin
    assert "preset:quick" in begin
