from typing import Any

import fastapi
import gradio as gr
import pytest

from hitl_chat.door import Door
from hitl_chat.service import Service, Started
from hitl_chat.settings import Settings
from hitl_chat.visitors import Visitors, Who, parts_of
from tests.hitl_chat.visits import ask

HERE = gr.Request(fastapi.Request({"type": "http", "client": None, "headers": []}))


def profile(subject: str) -> gr.OAuthProfile:
    return gr.OAuthProfile(
        {"sub": subject, "name": "", "preferred_username": "", "profile": "", "picture": ""}
    )


ADA, BOB = profile("ada"), profile("bob")


@pytest.fixture
def visitors(service: Service, settings: Settings) -> Visitors:
    return Visitors(service, Door(service, settings))


@pytest.fixture
def kept(service: Service, me: Started) -> dict[str, Any]:
    """What the browser of somebody keeps who chatted without signing in."""
    ask(service, me, "Before")
    return {"token": me.token, "conversation": me.conversation}


def rater(service: Service, who: Who) -> str:
    return service.rater(parts_of(who)[0])


def test_signing_in_puts_aside_who_they_were_and_signing_out_brings_it_back(
    service: Service, visitors: Visitors, kept: Who, me: Started
) -> None:
    signed_in = visitors.arriving(kept, ADA)
    assert rater(service, signed_in) != me.rater
    assert visitors.arriving(signed_in, ADA) == signed_in
    assert visitors.arriving(signed_in, None) == kept


def test_what_gradio_adds_to_a_browsers_state_is_not_put_aside(
    visitors: Visitors, kept: dict[str, Any]
) -> None:
    signed_in = visitors.arriving({"__type__": "update", **kept}, ADA)
    assert isinstance(signed_in, dict)
    assert visitors.arriving({"__type__": "update", **signed_in}, None) == kept


def test_what_an_answers_updates_put_in_a_list_is_the_same_visitor(
    visitors: Visitors, kept: dict[str, Any]
) -> None:
    assert visitors.sending([kept], HERE, None) == visitors.sending(kept, HERE, None)
    signed_in = visitors.arriving([kept], ADA)
    assert visitors.arriving([signed_in], None) == kept


def test_an_account_goes_on_with_its_latest_conversation(
    service: Service, visitors: Visitors, kept: Who
) -> None:
    one = visitors.placed(visitors.sending(None, HERE, ADA))
    list(service.ask(one.rater, one.conversation, "Elsewhere"))
    assert parts_of(visitors.arriving(kept, ADA)) == (one.token, one.conversation)


def test_from_one_account_to_another_nothing_is_lost_or_mixed(
    service: Service, visitors: Visitors, kept: Who
) -> None:
    ada = visitors.arriving(kept, ADA)
    bob = visitors.arriving(ada, BOB)
    assert rater(service, ada) != rater(service, bob)
    assert visitors.arriving(bob, None) == kept


def test_a_question_before_the_page_has_loaded_is_the_accounts(
    service: Service, visitors: Visitors, kept: Who
) -> None:
    sent = visitors.sending(kept, HERE, ADA)
    assert sent.rater == rater(service, visitors.arriving(kept, ADA))
    assert sent.aside == kept


def test_a_session_that_expires_meanwhile_signs_nobody_out(
    service: Service, visitors: Visitors, kept: Who
) -> None:
    signed_in = visitors.arriving(kept, ADA)
    sent = visitors.sending(signed_in, HERE, None)
    assert sent.rater == rater(service, signed_in)
    assert sent.aside == kept


def test_when_the_account_is_erased_elsewhere_they_are_who_they_were_before(
    service: Service, visitors: Visitors, kept: Who, me: Started
) -> None:
    signed_in = visitors.arriving(kept, ADA)
    service.erase(rater(service, signed_in))
    sent = visitors.sending(signed_in, HERE, None)
    assert (sent.rater, sent.aside) == (me.rater, None)


def test_nobody_signs_out_into_an_account(service: Service, visitors: Visitors) -> None:
    signed_in = visitors.arriving(None, ADA)
    assert parts_of(visitors.arriving(signed_in, None)) == ("", "")
    assert visitors.sending({}, HERE, None).rater != rater(service, signed_in)


@pytest.mark.parametrize(
    "nonsense",
    [None, [], 7, {"token": 1}, {"aside": "x"}, {"aside": {"aside": {}}}, {"token": "a.b"}],
)
def test_a_browser_may_keep_anything(visitors: Visitors, nonsense: Any) -> None:  # noqa: ANN401
    for who in (ADA, None):
        visitors.arriving(nonsense, who)
        assert visitors.placed(visitors.sending(nonsense, HERE, who)).conversation
