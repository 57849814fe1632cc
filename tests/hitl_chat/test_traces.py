import pytest
from sqlalchemy import select

from hitl_chat.service import Service, Started
from hitl_chat.traces import UNCLEARED, Traces
from storage import privacy
from storage.database import Database
from storage.home import Home
from storage.models import Erasure
from storage.privacy import TracesLeft
from tests.hitl_chat.visits import ask


@pytest.fixture
def traces(service: Service, database: Database, home: Home) -> Traces:
    return Traces(database, home, service.loop.report_uncleared)


@pytest.fixture
def half_erased(service: Service, me: Started, home: Home) -> None:
    """Somebody was erased, and what no process may delete, such as a folder here, was in the way."""
    ask(service, me, "Hi")
    home.head.with_suffix(".old").mkdir()
    with pytest.raises(TracesLeft):
        service.erase(me.rater)


@pytest.mark.usefixtures("half_erased")
def test_the_owner_is_told_what_is_left_until_it_is_gone(
    service: Service, database: Database, home: Home, traces: Traces
) -> None:
    traces.look()
    assert str(service.loop.status()["problem"]).startswith(f"{UNCLEARED}: Erased, but ")
    assert "head.old can't be deleted" in str(service.loop.status()["problem"])
    assert service.loop.public()["problem"] == UNCLEARED
    home.head.with_suffix(".old").rmdir()
    traces.look()
    assert service.loop.status()["problem"] is None
    with database.read() as session:
        assert all(session.scalars(select(Erasure.finished_at)))


@pytest.mark.usefixtures("half_erased")
def test_what_stays_is_tried_ever_more_seldom_and_what_is_new_at_once(
    service: Service, database: Database, home: Home, traces: Traces
) -> None:
    def tries(looks: int) -> int:
        count = 0
        for _ in range(looks):
            home.head.write_text("made anew")
            traces.look()
            count += not home.head.exists()
        return count

    assert tries(20) == 5
    other = service.start()
    ask(service, other, "Hi")
    with pytest.raises(TracesLeft):
        privacy.erase(database, home, other.rater)
    assert tries(1) == 1


def test_at_the_start_it_clears_what_a_killed_process_left(home: Home, traces: Traces) -> None:
    begun = home.folder / ".restore-killed"
    begun.mkdir()
    traces.start()
    traces.close()
    assert not begun.exists()


def test_where_nobody_was_erased_it_leaves_everything_alone(home: Home, traces: Traces) -> None:
    home.head.write_text("a head")
    traces.look()
    assert home.head.exists()
