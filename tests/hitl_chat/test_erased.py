import pytest

from hitl_chat.erased import Erased
from hitl_chat.service import NotYours, Service, Started
from storage import privacy
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home
from tests.hitl_chat.visits import ask

UNSTORED = Agreed(store=False, train=False, publish=False)


@pytest.fixture
def recalled() -> list[str]:
    return []


@pytest.fixture
def erased(service: Service, database: Database, recalled: list[str]) -> Erased:
    return Erased(database, service.forget, lambda: recalled.append("all"))


def only_in_memory(service: Service) -> Started:
    who = service.start()
    service.agree(who.rater, UNSTORED)
    who = service.start(who.token)
    ask(service, who, "Not to be stored")
    return who


def test_who_is_erased_elsewhere_is_forgotten_here(
    service: Service, database: Database, home: Home, erased: Erased, recalled: list[str]
) -> None:
    who, other = only_in_memory(service), only_in_memory(service)
    erased.look()
    assert service.show(who.rater, who.conversation)  # taking storing back is no erasure
    privacy.erase(database, home, who.rater)  # as the command does, in a process of its own
    erased.look()
    with pytest.raises(NotYours):
        service.show(who.rater, who.conversation)
    assert service.show(other.rater, other.conversation)
    assert recalled == ["all", "all"]
    erased.look()
    assert recalled == ["all", "all"]
