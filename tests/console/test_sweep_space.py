import random
from pathlib import Path

import pytest

from heimdall_console.sweeping.space import Dimension, with_values
from heimdall_console.sweeping.space_check import read_space
from training_core.contract.config import Config
from training_core.contract.config_file import ConfigSource, validate
from training_core.contract.config_template import config_values
from training_core.contract.errors import ConfigError, ExitCode

GOOD = """\
["optimizer.learning_rate"]
low = 1e-4
high = 1e-2
log = true
[optimizer.weight_decay]
low = 0
high = 1
["trainer.batch_size"]
low = 16
high = 60
step = 16
["data.channels"]
choices = [["rssi_dbm"], ["rssi_dbm", "toa_m"]]
"""

WRONG = [
    ('["optimizer.lerning_rate"]\nlow = 1\nhigh = 2', 1, "did you mean learning_rate?"),
    ('["optimizer"]\nlow = 1\nhigh = 2', 1, "is a section"),
    ('["optimizer.beta1"]\nlow = 0.5\nhigh = 1.5', 3, "expected less than 1, found 1.5"),
    ('["optimizer.beta1"]\nlow = 0.9\nhigh = 0.5', 3, "must be above low, 0.9"),
    ('["optimizer.beta1"]\nlow = 0.5', 1, "needs high"),
    ('["optimizer.beta1"]\nlow = "a"\nhigh = 1', 2, 'expected a number, found "a"'),
    ('["optimizer.beta1"]\nlow = 0\nhigh = 0.5\nlog = true', 2, "must be above 0"),
    ('["optimizer.beta1"]\nlow = 0.1\nhigh = 0.5\nlog = 1', 4, "expected true or false"),
    ('["optimizer.beta1"]\nlow = 0.1\nhigh = 0.5\nstep = 0', 4, "must be above 0"),
    ('["optimizer.beta1"]\nlow = 0.1\nhigh = 0.5\nsteps = 0.1', 4, "did you mean step?"),
    ('["trainer.epochs"]\nlow = 1\nhigh = 5\nstep = 0.5', 4, "expected a whole number"),
    ('["trainer.epochs"]\nlow = 1.5\nhigh = 5', 2, "expected a valid integer"),
    ('["schedule.name"]\nchoices = ["cosine", "cosin"]', 2, 'found "cosin"'),
    ('["schedule.name"]\nchoices = ["cosine", "cosine"]', 2, "twice"),
    ('["schedule.name"]\nchoices = []', 2, "expected a list of values"),
    ('["schedule.name"]\nchoices = ["cosine"]\nlow = 1', 3, "no meaning beside choices"),
    ('["checkpoint.monitor"]\nchoices = ["val/loss"]', 1, "what trials are compared by"),
    ('["data.split"]\nchoices = ["place"]', 1, "what trials are judged on"),
    ('["tracking.uri"]\nchoices = ["http://a"]', 1, "no part in the training"),
    ('["model.receiver_set_net.heads"]\nchoices = [5, 7]', 1, "must divide the width, 64"),
    ("[", 1, "is not TOML"),
    ("", None, "names no key"),
]


def space_of(folder: Path, text: str) -> tuple[Dimension, ...]:
    path = folder / "space.toml"
    path.write_text(text)
    return read_space(path, Config())[1]


def test_ranges_and_choices_are_read_as_the_schema_means_them(tmp_path: Path) -> None:
    rate, decay, batch, channels = space_of(tmp_path, GOOD)
    assert (rate.key, rate.log, rate.is_whole) == ("optimizer.learning_rate", True, False)
    assert not decay.is_whole  # a fraction is what the key takes, whatever its bounds look like
    assert (batch.is_whole, batch.step_count) == (True, 2)
    assert channels.choices == (["rssi_dbm"], ["rssi_dbm", "toa_m"])


def test_whatever_is_drawn_is_a_valid_configuration(tmp_path: Path) -> None:
    dimensions, chance = space_of(tmp_path, GOOD), random.Random(3)
    for _ in range(50):
        drawn = {d.key: d.draw(chance) for d in dimensions}
        config = validate(ConfigSource(with_values(config_values(Config()), drawn)))
        assert 1e-4 <= config.optimizer.learning_rate <= 1e-2
        assert config.trainer.batch_size in (16, 32, 48)


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_what_is_wrong_is_told_at_its_line(
    tmp_path: Path, text: str, line: int | None, message: str
) -> None:
    with pytest.raises(ConfigError) as told:
        space_of(tmp_path, text)
    (problem,) = told.value.problems
    assert message in problem.message
    assert (problem.file, problem.line) == (str(tmp_path / "space.toml"), line)
    assert told.value.exit_code == ExitCode.USAGE


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        space_of(tmp_path, "\n".join(WRONG[place][0] for place in (0, 2, 12)))
    assert [problem.line for problem in told.value.problems] == [1, 6, 8]
    assert told.value.what == "The search space has 3 problems"


def test_an_impossible_pair_is_no_mistake_where_others_are_possible(tmp_path: Path) -> None:
    (heads,) = space_of(tmp_path, '["model.receiver_set_net.heads"]\nchoices = [5, 8]')
    assert heads.choices == (5, 8)
