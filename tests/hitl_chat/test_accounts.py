import pytest

from hitl_chat.service import BadToken, Service, Started
from storage import consent
from storage.consent import Agreed
from storage.database import Database
from storage.models import Rater
from tests.hitl_chat.visits import ask

ADA = "6123456789abcdef01234567"


def account(service: Service, subject: str = ADA) -> Started:
    """Sign in and open a conversation."""
    return service.start(service.identity.sign_rater(service.accounts.rater(subject)))


def test_an_account_is_the_same_rater_each_time(service: Service, database: Database) -> None:
    rater = service.accounts.rater(ADA)
    assert service.accounts.rater(ADA) == rater
    with database.read() as session:
        assert session.query(Rater).count() == 1


def test_accounts_are_different_raters(service: Service) -> None:
    assert len({service.accounts.rater(subject) for subject in (ADA, "ada", "", "🙂")}) == 4


def test_nobody_can_tell_the_account_from_the_rater(service: Service) -> None:
    assert ADA not in service.accounts.rater(ADA)
    assert service.identity.account(ADA, 0) != service.identity.account(ADA, 1)


def test_who_was_erased_and_comes_back_is_another_rater(service: Service) -> None:
    was = account(service)
    ask(service, was, "Forget this")
    service.erase(was.rater)
    now = account(service)
    assert now.rater != was.rater
    assert service.accounts.rater(ADA) == now.rater
    with pytest.raises(BadToken):
        service.rater(was.token)
    service.erase(now.rater)
    assert account(service).rater not in (was.rater, now.rater)


def test_who_does_not_want_to_be_stored_stays_the_same_and_is_not(
    service: Service, database: Database
) -> None:
    was = account(service)
    service.agree(was.rater, Agreed(store=False))
    assert service.accounts.rater(ADA) == was.rater
    with database.read() as session:
        assert not consent.given(session, was.rater).store


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (Agreed(), Agreed()),
        (Agreed(publish=True), Agreed()),
        (Agreed(train=False), Agreed(train=False)),
        (Agreed(store=False), Agreed(store=False, train=False)),
    ],
)
def test_what_was_refused_before_signing_in_is_refused_after(
    service: Service, database: Database, me: Started, before: Agreed, then: Agreed
) -> None:
    service.agree(me.rater, before)
    rater = service.accounts.rater(ADA, me.rater)
    with database.read() as session:
        assert consent.given(session, rater) == then


def test_what_an_account_agreed_to_holds_on_a_browser_that_refused(
    service: Service, database: Database, me: Started
) -> None:
    rater = service.accounts.rater(ADA)
    service.agree(me.rater, Agreed(store=False))
    assert service.accounts.rater(ADA, me.rater) == rater
    with database.read() as session:
        assert consent.given(session, rater) == Agreed()
