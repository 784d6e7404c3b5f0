"""Configurations: every problem at once, by file, line and the nearest valid name."""

from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from training_core.contract.config import Config
from training_core.contract.config_file import all_keys, apply_overrides, load_config, read_source
from training_core.contract.config_template import (
    PRESETS,
    config_schema,
    config_values,
    flat_values,
    preset_config,
    render_resolved,
    render_template,
)
from training_core.contract.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "x.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str, *overrides: str) -> list[tuple[str, int | None, str]]:
    with pytest.raises(ConfigError) as caught:
        load_config(written(folder, text), overrides)
    return [(p.key, p.line, p.message) for p in caught.value.problems]


def test_all_problems_come_at_once_with_their_lines(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        """
[optimizer]
lerning_rate = 1e-3   # line 3
weight_decay = "much" # line 4
[model]
class = "a.b:C"       # line 6
[trainer]
epochs = true         # line 8
[data]
batch_size = 3        # line 10
""",
    )

    assert [(key, line) for key, line, _ in found] == [
        ("optimizer.lerning_rate", 3),
        ("optimizer.weight_decay", 4),
        ("trainer.epochs", 8),
        ("data.class", 9),
        ("data.batch_size", 10),
    ]
    messages = {key: message for key, _, message in found}
    assert "did you mean learning_rate?" in messages["optimizer.lerning_rate"]
    assert "did you mean trainer.batch_size?" in messages["data.batch_size"]
    assert '"much"' in messages["optimizer.weight_decay"]
    assert "found true" in messages["trainer.epochs"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[model]\nclass = "a:B"', "data.class"),
        ('[data]\nclass = "a:B"', "model.class"),
        ("[model.receiver_set_net]\nwidth = 100\nheads = 3", "model.receiver_set_net.heads"),
        ("[data]\nvalidation_split = 0.0", "data.validation_split"),
        ('[trainer]\nprecision = "16-mixed"\naccelerator = "cpu"', "trainer.precision"),
        (
            "[trainer]\nepochs = 3\nvalidate_every_n_epochs = 5",
            "trainer.validate_every_n_epochs",
        ),
        ('[tracking]\nuri = "https://me:secret@host/"', "tracking.uri"),
        ('[storage]\nendpoint = "host:9000"', "storage.endpoint"),
        ('[run]\ntags = { api_token = "x" }', "run.tags.api_token"),
        ('[data]\nchannels = ["rssi_dbm", "rssi_dbm"]', "data.channels"),
        ('[checkpoint]\nmonitor = "val/accuracy"', "checkpoint.mode"),
        ('[checkpoint]\nmonitor = "val/within_50m"', "checkpoint.mode"),
        ('[checkpoint]\nmonitor = "val/within_50m"\nmode = "min"', "checkpoint.mode"),
        ('[checkpoint]\nmode = "max"', "checkpoint.mode"),
    ],
)
def test_impossible_combinations_are_named(tmp_path: Path, text: str, key: str) -> None:
    assert key in [found for found, _, _ in problems_of(tmp_path, text)]


@pytest.mark.parametrize(
    "text",
    [
        '[checkpoint]\nmonitor = "val/accuracy"\nmode = "max"',
        '[checkpoint]\nmonitor = "val/accuracy"\nmode = "min"',
        '[checkpoint]\nmonitor = "val/within_50m"\nmode = "max"',
        '[checkpoint]\nmonitor = "val_loss"',
        # Whoever logs it alone knows what it means.
        '[model]\nclass = "a:B"\n[data]\nclass = "a:C"\n[checkpoint]\nmode = "max"',
    ],
)
def test_which_way_a_metric_is_better_is_known_or_said(tmp_path: Path, text: str) -> None:
    config = load_config(written(tmp_path, text))
    # What a run keeps says it in any case.
    again = load_config(written(tmp_path, render_resolved(config)))
    assert again.checkpoint == config.checkpoint


def test_a_metric_of_ones_own_is_not_guessed_at(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, '[checkpoint]\nmonitor = "val/los"')
    assert problem[2].endswith(
        "are small or large values of val/los good; or did you mean val/loss?"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[optimizer]\nlearning_rate = nan", "found nan"),
        ("[trainer]\nmax_minutes = inf", "finite"),
        (f"[trainer]\nepochs = {10**30}", "less than or equal"),
        ('[run]\nexperiment = "a/b"', "without slashes"),
        ('[model]\nclass = "nonsense"', "package.module:Class"),
        ('[export]\nalias = "epochs = 7"', "letters, digits, underscores and hyphens"),
        ('[export]\nalias = "Latest"', "another word: latest and v3 mean versions already"),
        ('[run]\ntags = ["x"]', "a table"),
        (f"a = {'[' * 5000}{']' * 5000}", "nested too deeply"),
    ],
)
def test_extreme_values_are_named_in_words(tmp_path: Path, text: str, expected: str) -> None:
    messages = [message for _, _, message in problems_of(tmp_path, text)]
    assert any(expected in message for message in messages), messages


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf[trainer]\nepochs = 3\n")
    assert load_config(path).trainer.epochs == 3


@pytest.mark.parametrize(
    ("text", "line"), [("a = = 1", 1), ("\n\n[run\n", 3), ('x = """never ended', 1)]
)
def test_what_is_not_toml_has_a_place(tmp_path: Path, text: str, line: int) -> None:
    ((_, found, message),) = problems_of(tmp_path, text)
    assert found == line
    assert "is not TOML" in message


def test_a_missing_and_a_binary_file_are_configuration_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "binary.toml")


def test_overrides_are_toml_values_and_win(tmp_path: Path) -> None:
    path = written(tmp_path, "[trainer]\nepochs = 3\n")
    config = load_config(
        path,
        ["trainer.epochs=7", "data.dataset=campus", 'data.channels=["toa_m"]', "data.signal=false"],
    )
    assert config.trainer.epochs == 7
    assert config.data.dataset == "campus"
    assert config.data.channels == ["toa_m"]
    assert config.data.signal is False


def test_a_wrong_override_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    ((key, line, _),) = problems_of(tmp_path, "[trainer]\nepochs = 3\n", "trainer.epochs=ten")
    assert (key, line) == ("trainer.epochs", None)
    with pytest.raises(ConfigError, match=r"expected section\.key=value"):
        apply_overrides(read_source(written(tmp_path, "")), ["epochs"])


def test_keys_in_multi_line_strings_have_no_line(tmp_path: Path) -> None:
    text = '[run]\nname_prefix = "a"\ntags = {}\n[data]\ndataset = """\nepochs = 1\n"""\nfoo = 1\n'
    assert problems_of(tmp_path, text)[-1][:2] == ("data.foo", 8)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_renders_to_what_it_is(tmp_path: Path, name: str) -> None:
    text = render_template(preset_config(name))
    assert load_config(written(tmp_path, text)) == preset_config(name)


def test_every_key_is_described_and_in_the_template() -> None:
    text = render_template(Config())
    for path in all_keys():
        assert path[-1] in text
    schema = config_schema()
    for section in schema["$defs"].values():
        for name, key in section.get("properties", {}).items():
            assert key.get("description") or "$ref" in key, name


def test_resolved_configuration_keeps_comments_and_is_complete(tmp_path: Path) -> None:
    path = written(tmp_path, "# why this run\n[optimizer]\nlearning_rate = 1e-3 # tried 3e-3\n")
    config = load_config(path, ["optimizer.learning_rate=0.5"])

    text = render_resolved(config, path)

    assert "# why this run" in text
    assert "learning_rate = 0.5 # tried 3e-3" in text
    assert tomlkit.parse(text).unwrap() == config_values(config)
    assert load_config(written(tmp_path, text)) == config


@given(
    st.fixed_dictionaries(
        {
            "trainer": st.fixed_dictionaries(
                {
                    "epochs": st.integers(1, 10**6),
                    "max_minutes": st.floats(0, 1e6),
                    "batch_size": st.integers(1, 4096),
                }
            ),
            "run": st.fixed_dictionaries(
                {"tags": st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8))}
            ),
        }
    )
)
def test_any_valid_configuration_survives_its_file(values: dict[str, dict[str, object]]) -> None:
    try:
        config = Config.model_validate(values)
    except ValueError:
        return  # A tag that looks like a secret.
    folder = Path.cwd()
    assert load_config(written(folder, render_template(config))) == config
    assert load_config(written(folder, render_resolved(config))) == config


def test_flat_values_are_dotted_and_complete() -> None:
    flat = flat_values(Config())
    assert flat["trainer.epochs"] == 100
    assert flat["model.receiver_set_net.width"] == Config().model.receiver_set_net.width
    sections = {path for path in all_keys() if ".".join(path) not in flat}
    assert all(any(key.startswith(".".join(path) + ".") for key in flat) for path in sections)
