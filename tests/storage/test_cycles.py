import math

import numpy as np
import pytest
from sqlalchemy.orm import Session

from storage import cycles
from storage.database import Database
from storage.models import Cycle


def open_cycle(database: Database, mark: int = 5) -> int:
    return database.write(lambda s: cycles.open_cycle(s, mark)).id


def get(database: Database, cycle: int) -> Cycle:
    with database.read() as s:
        return s.get_one(Cycle, cycle)


def test_a_running_cycle_says_how_far_it_is(database: Database) -> None:
    one = open_cycle(database)
    database.write(lambda s: cycles.advance(s, one, "fit", 1.5, "head 2 of 5"))
    with database.read() as s:
        running = cycles.running(s)
        assert running is not None
        assert (running.id, running.phase, running.progress) == (one, "fit", 1.0)
        assert running.detail == "head 2 of 5"
        assert cycles.last(s) is None


def test_a_finished_cycle_keeps_its_results(database: Database) -> None:
    one = open_cycle(database)
    verdict = {"promoted": True, "reasons": ["better"]}
    database.write(lambda s: cycles.close(s, one, "promoted", version="v1", verdict=verdict))
    with database.read() as s:
        last = cycles.last(s)
        assert last is not None
        assert (last.status, last.phase, last.version) == ("promoted", "done", "v1")
        assert last.verdict == verdict
        assert last.finished_at is not None
        assert cycles.running(s) is None
        assert cycles.consumed_mark(s) == 5


def test_a_figure_that_is_no_number_is_kept_as_none(database: Database) -> None:
    one = open_cycle(database)
    verdict = {"kl": math.inf, "score": math.nan, "length": np.float64(1.5), "by": {1: -math.inf}}
    database.write(lambda s: cycles.close(s, one, "refused", verdict=verdict))
    kept = {"kl": None, "score": None, "length": 1.5, "by": {"1": None}}
    assert get(database, one).verdict == kept


def test_a_cycle_that_failed_keeps_the_phase_it_failed_in(database: Database) -> None:
    one = open_cycle(database)
    database.write(lambda s: cycles.advance(s, one, "update", 0.5, ""))
    database.write(lambda s: cycles.close(s, one, "failed", error="out of memory"))
    cycle = get(database, one)
    assert (cycle.phase, cycle.progress, cycle.error) == ("update", 0.5, "out of memory")


def test_a_killed_trainers_cycles_are_closed_when_the_next_starts(database: Database) -> None:
    done, left = open_cycle(database), open_cycle(database)
    database.write(lambda s: cycles.close(s, done, "refused"))
    database.write(lambda s: cycles.advance(s, left, "gate", 0.1, ""))
    assert database.write(cycles.interrupt_running) == [left]
    assert database.write(cycles.interrupt_running) == []
    cycle = get(database, left)
    assert (cycle.status, cycle.error) == ("interrupted", "The trainer ended during phase gate.")


@pytest.mark.parametrize("status", cycles.FINISHED)
def test_a_cycle_that_is_over_can_not_go_on_or_end_twice(database: Database, status: str) -> None:
    one = open_cycle(database)
    database.write(lambda s: cycles.close(s, one, status))

    def publish(s: Session) -> None:
        cycles.close(s, one, "promoted")

    with pytest.raises(cycles.NotRunning, match=f"is {status}; only a running one"):
        database.write(publish)
    with pytest.raises(cycles.NotRunning):
        database.write(lambda s: cycles.advance(s, one, "fit", 0.0, ""))
    assert get(database, one).status == status


def test_an_unknown_status_or_result_is_refused(database: Database) -> None:
    one = open_cycle(database)
    with pytest.raises(ValueError, match="Unknown status 'running'"):
        database.write(lambda s: cycles.close(s, one, "running"))
    with pytest.raises(ValueError, match=r"Unknown results \['mark'\]"):
        database.write(lambda s: cycles.close(s, one, "failed", mark=0))


def test_recent_cycles_come_newest_first(database: Database) -> None:
    ids = [open_cycle(database) for _ in range(3)]
    with database.read() as s:
        assert [cycle.id for cycle in cycles.recent(s, 2)] == ids[:0:-1]


def test_a_cycle_that_was_cut_short_settles_nothing_unless_it_is_one_of_many(
    database: Database,
) -> None:
    done = open_cycle(database)
    database.write(lambda s: cycles.close(s, done, "refused"))
    for place in range(cycles.MOST_CUT_SHORT):
        cut = open_cycle(database)
        database.write(cycles.interrupt_running)
        with database.read() as s:
            last = cycles.settled(s)
        assert last
        assert last.id == (cut if place == cycles.MOST_CUT_SHORT - 1 else done)
