import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from storage import adapters as versions
from storage import cycles, feedback
from storage.database import Database
from storage.home import Home
from tests.postgres import Postgres
from tests.training.people import rate_answers
from training.adapters import STAGING
from training.base import load_base
from training.config import TrainingConfig
from training.cycle import Workshop, run
from training.worker import THREADS, TrainerBusy, alone, due, main

ROOT = Path(__file__).parents[2]
PHASES = ("targets", "fit", "update", "gate", "publish")


@pytest.fixture
def env(home: Home, tiny_model: Path) -> dict[str, str]:
    small = {
        "LORA_RANK": "4", "LORA_LAYERS": "1", "MAX_ANSWER": "8", "ROLLOUTS": "8", "MINIBATCH": "4",
        "UPDATES": "2", "GATE_PROMPTS": "6", "LEARNING_RATE": "0.01",
        "GATE_KL": "100", "GATE_LENGTH_LOW": "0", "GATE_LENGTH_HIGH": "100", "GATE_DISTINCT": "0",
        "GATE_REPEAT": "1", "TARGET_KL": "10",
    }  # fmt: skip
    return {
        **os.environ,
        **{f"HITL_{name}": value for name, value in small.items()},
        "HITL_DATA_DIR": str(home.folder),
        "HITL_MODEL": str(tiny_model),
        "OMP_NUM_THREADS": "1",
    }


def worker(env: dict[str, str], *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "training.worker", *args],
        env=env,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def hear(phase: str, progress: float, detail: str) -> None:
    """Nobody listens."""


Once = Callable[..., tuple[int, str, str]]


@pytest.fixture
def once(capfd: pytest.CaptureFixture[str]) -> Once:
    """Runs the command in this process, which takes the imports of a new one off each test."""

    def run_once(env: dict[str, str], *args: str) -> tuple[int, str, str]:
        status = main(["--once", *args], env)
        return status, *capfd.readouterr()

    return run_once


def wait_for(process: subprocess.Popen[str], database: Database, phase: str) -> None:
    """Wait until the running cycle is in `phase`, or past it, or over."""
    order = ("mark", *PHASES, "done")
    for _ in range(20_000):  # some minutes where much else runs
        with database.read() as session:
            row = cycles.running(session)
        if row and order.index(row.phase) >= order.index(phase):
            return
        if process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError(f"never came to {phase}")


def test_one_cycle_prints_one_json_line(env: dict[str, str], database: Database) -> None:
    rate_answers(database, 40)
    process = worker(env, "--once", "--force")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    (line,) = out.splitlines()
    result = json.loads(line)
    assert result["status"] in ("promoted", "refused")
    assert {"cycle", "counts", "reward", "ppo", "verdict", "version"} <= set(result)
    assert result["verdict"]["reasons"]


def test_a_cycle_that_is_not_due_is_not_run(
    once: Once, env: dict[str, str], database: Database
) -> None:
    rate_answers(database, 3)
    status, out, _ = once(env)
    assert status == 0
    assert json.loads(out)["status"] == "not due"
    with database.read() as session:
        assert cycles.last(session) is None


@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_any_phase_feedback_is_consumed_once_and_nothing_is_half_published(
    env: dict[str, str], database: Database, home: Home, phase: str
) -> None:
    rate_answers(database, 40)
    process = worker(env, "--once", "--force")
    wait_for(process, database, phase)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with database.read() as session:  # chat reads on, and nothing of it serves unannounced
        served, known = versions.served(session), {a.version for a in versions.versions(session)}
    assert served == "base" or served in known

    cut_short = database.write(cycles.interrupt_running)  # as the worker does when it starts
    if phase != "publish":  # which is over so soon that the kill may come too late
        assert cut_short
    if cut_short:
        config = TrainingConfig.from_env(env)
        run(Workshop(database, home, load_base(env["HITL_MODEL"], home), config), hear)
    with database.read() as session:
        rows = cycles.recent(session)
        assert feedback.counts(session).waiting == 0
        published = {a.version for a in versions.versions(session)}
    assert [c.status in cycles.CONSUMED for c in rows] == [True] + [False] * len(cut_short)
    on_disk = {f.name for f in home.adapters.iterdir()}
    assert on_disk <= published
    assert not [name for name in on_disk if name.startswith(STAGING)]


def test_a_cycle_uses_every_core_unless_the_host_says_how_many(
    once: Once, env: dict[str, str]
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        once(env)
        told = torch.get_num_threads()
        once({name: value for name, value in env.items() if name != THREADS})
        untold = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    assert (told, untold) == (3, os.cpu_count())


def test_two_trainers_never_work_on_one_folder(once: Once, env: dict[str, str], home: Home) -> None:
    with alone(home):
        status, _, err = once(env, "--force")
    assert status == 2
    assert f"A trainer is at work already (process {os.getpid()})" in err
    assert err.count("\n") == 1


def test_two_trainers_never_work_on_one_shared_database(
    once: Once, env: dict[str, str], postgresql: Postgres, shared: str, tmp_path: Path
) -> None:
    """Not even with data folders of their own."""
    with closing(Database.open(Home(tmp_path / "mine", shared))) as database, database.seat():
        status, _, err = once({**env, "HITL_DATABASE_URL": shared}, "--force")
    assert status == 2
    assert err == "Another trainer is at work already on this database.\n"


def test_the_lock_is_free_again_after_its_holder(home: Home) -> None:
    with alone(home), pytest.raises(TrainerBusy), alone(home):
        pass
    with alone(home):
        pass


def test_an_attached_worker_ends_with_its_parent(env: dict[str, str]) -> None:
    process = worker(env, "--attached")
    process.communicate(timeout=60)  # closes its standard input
    assert process.returncode == 0


def test_an_attached_worker_leaves_ctrl_c_to_its_parent(env: dict[str, str]) -> None:
    process = worker(env, "--attached")
    assert process.stderr
    while "waiting for" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_worker_of_its_own_ends_at_ctrl_c_without_a_traceback(env: dict[str, str]) -> None:
    process = worker(env)
    assert process.stderr
    while "waiting for" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"HITL_MODEL": "/nowhere/at-all"}, "Model '/nowhere/at-all' can't be loaded"),
        ({"HITL_UPDATES": "-1"}, "HITL_UPDATES has value -1"),
        ({"HITL_DATA_DIR": "/proc/nothing"}, "Data folder /proc/nothing can't be written"),
    ],
)
def test_bad_settings_end_with_one_clear_line(
    once: Once, env: dict[str, str], change: dict[str, str], line: str
) -> None:
    status, out, err = once({**env, **change}, "--force")
    assert status == 2
    assert out == ""
    assert line in err
    assert "Traceback" not in err


def test_a_cycle_is_due_after_enough_new_feedback_and_not_before(database: Database) -> None:
    config = TrainingConfig(train_after=4, train_every=0)
    rate_answers(database, 3)
    assert not due(database, config)
    rate_answers(database, 1, seed=1)
    assert due(database, config)


def test_a_cycle_that_ended_is_not_due_again_without_new_feedback(database: Database) -> None:
    config = TrainingConfig(train_after=4, train_every=0)
    rate_answers(database, 4)
    for seed, status in enumerate(("failed", "skipped", "refused"), start=1):
        cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))
        database.write(partial(cycles.close, cycle_id=cycle.id, status=status))
        assert not due(database, config)
        rate_answers(database, 4, seed=seed)
        assert due(database, config)
        assert not due(database, replace(config, train_every=3600))


def test_a_cycle_that_was_cut_short_is_due_at_once(database: Database) -> None:
    config = TrainingConfig(train_after=4, train_every=3600)
    rate_answers(database, 4)
    database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))
    database.write(cycles.interrupt_running)
    assert due(database, config)


def test_cycles_that_are_cut_short_again_and_again_wait_for_new_feedback(
    database: Database,
) -> None:
    config = TrainingConfig(train_after=4, train_every=0)
    rate_answers(database, 4)
    for _ in range(cycles.MOST_CUT_SHORT):
        assert due(database, config)
        database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))
        database.write(cycles.interrupt_running)
    assert not due(database, config)
    rate_answers(database, 4, seed=1)
    assert due(database, config)


def test_after_too_little_a_share_of_the_feedback_is_enough_to_try_again(
    database: Database,
) -> None:
    config = TrainingConfig(train_after=8, train_every=0)
    rate_answers(database, 8)
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))
    database.write(partial(cycles.close, cycle_id=cycle.id, status="skipped"))
    rate_answers(database, 1, seed=1)
    assert not due(database, config)
    rate_answers(database, 1, seed=2)
    assert due(database, config)
