"""A study in PostgreSQL that several machines share."""

from sqlalchemy import create_engine, text

from heimdall_console.sweeping.space import Dimension
from heimdall_console.sweeping.study import open_study, sample

RATE = Dimension("optimizer.learning_rate", ("optimizer.learning_rate",), 1e-4, 1e-2, log=True)


def test_two_machines_give_out_the_trials_of_one_study(postgresql_uri: str) -> None:
    # MLflow, too, keeps the version of its tables as `alembic_version`: each needs a database.
    engine = create_engine(postgresql_uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE sweeps"))
    engine.dispose()
    own_uri = postgresql_uri.replace("/postgres?", "/sweeps?")
    here, there = (open_study(own_uri, "rates", "max", name) for name in ("a", "b"))
    here.join("first", (RATE,))
    there.join("second", (RATE,))
    assert there.sweep_id == "first"
    trials = [here.begin(), there.begin(), here.begin()]
    rates = {sample(trial, (RATE,))[RATE.key] for trial in trials}
    assert (len(rates), [trial.number for trial in trials]) == (3, [0, 1, 2])
    trials[1].report(float("-inf"), 0)
    there.end(trials[1], "complete", 0.75)
    here.end(trials[0], "complete", 0.5)
    assert [trial.number for trial in here.ours()] == [2]
    best = here.best()
    assert best is not None
    assert (best.number, best.value) == (1, 0.75)
    for study in (here, there):
        study.close()
