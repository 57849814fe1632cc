"""Over HTTP, behind a proxy that the app was told of."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from hitl_chat.identity import Identity
from storage.models import Feedback, Message, Rater
from tests.server import Server, get

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
PERSON, ADDRESS = 2, 3
SOMEWHERE = "198.51.100.77"
PASSWORD = "let me in"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("door") / "data",
        HITL_PERSON_LIMIT=str(PERSON),
        HITL_ADDRESS_LIMIT=str(ADDRESS),
        HITL_PROXIES="1",
        HITL_ADMIN_PASSWORD=PASSWORD,
        SCRIPTED_DELAY="0",
    ).start()
    yield server
    assert server.end() == 0
    assert SOMEWHERE not in server.log


def seen_from(server: Server, forwarded: str = "") -> Client:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return Client(server.url, headers=headers, verbose=False)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(AppError) as error:
        call()
    return str(error.value)


def outcome(call: Callable[[], object]) -> str:
    try:
        return str(call())
    except AppError as error:
        return str(error)


def count(server: Server, kind: type[Any]) -> int:
    database = server.database()
    try:
        with database.read() as session:
            return int(session.query(kind).count())
    finally:
        database.close()


def test_too_many_questions_of_one_person_are_refused_and_not_stored(server: Server) -> None:
    client = seen_from(server)
    me = client.predict(api_name="/start")
    asked = (me["token"], me["conversation"], "Hi")
    answers = [client.predict(*asked, api_name="/chat") for _ in range(PERSON)]
    before = count(server, Message)
    calls: list[Callable[[], object]] = [
        lambda: client.predict(*asked, api_name="/chat"),
        lambda: client.predict(*asked, api_name="/compare"),
        lambda: client.predict(me["token"], answers[0]["message"], api_name="/regenerate"),
        lambda: client.predict(me["token"], answers[0]["message"], api_name="/again"),
    ]
    for call in calls:
        assert refusal(call).startswith("That was a lot in a short time. Wait ")
    assert count(server, Message) == before
    other = client.predict(api_name="/start")
    assert client.predict(other["token"], other["conversation"], "Hi", api_name="/chat")["done"]


def test_two_drafts_count_twice(server: Server) -> None:
    client = seen_from(server)
    me = client.predict(api_name="/start")
    asked = (me["token"], me["conversation"], "Hi")
    assert client.predict(*asked, api_name="/compare")["done"]
    assert "Wait" in refusal(lambda: client.predict(*asked, api_name="/chat"))


def test_too_much_feedback_of_one_person_is_refused_and_not_stored(server: Server) -> None:
    client = seen_from(server)
    me = client.predict(api_name="/start")
    message = client.predict(me["token"], me["conversation"], "Hi", api_name="/chat")["message"]
    token = me["token"]
    for _ in range(4 * PERSON):
        client.predict(token, message, 1, api_name="/rate")
    before = count(server, Feedback)
    calls: list[Callable[[], object]] = [
        lambda: client.predict(token, message, 1, api_name="/rate"),
        lambda: client.predict(token, message, "Better", api_name="/edit"),
        lambda: client.predict(token, message, "dialogue-1", {"natural": 3}, api_name="/score"),
        lambda: client.predict(token, message, message, "tie", api_name="/choose"),
    ]
    for call in calls:
        assert "a lot in a short time" in refusal(call)
    assert count(server, Feedback) == before


@pytest.mark.parametrize("endpoint", ["everything", "mine", "trace", "explain"])
def test_what_is_stored_is_told_no_oftener_than_feedback_is_taken(
    server: Server, endpoint: str
) -> None:
    client = seen_from(server)
    me = client.predict(api_name="/start")
    about = ["nothing"] if endpoint in ("trace", "explain") else []
    told = [
        outcome(lambda: client.predict(me["token"], *about, api_name=f"/{endpoint}"))
        for _ in range(4 * PERSON + 1)
    ]
    assert not any("Wait" in one for one in told[:-1])
    assert "Wait" in told[-1]


def test_erasing_oneself_again_and_again_is_limited(server: Server) -> None:
    client = seen_from(server)
    token = client.predict(api_name="/start")["token"]
    not_stored = [token, False, False, False]
    for _ in range(PERSON):
        client.predict(*not_stored, api_name="/agree")
    assert "Wait" in refusal(lambda: client.predict(*not_stored, api_name="/agree"))
    assert "Wait" in refusal(lambda: client.predict(token, api_name="/erase"))
    client.predict(token, True, True, False, api_name="/agree")


def test_new_people_of_one_address_are_limited_whatever_they_claim(server: Server) -> None:
    before = count(server, Rater)
    for made_up in range(ADDRESS):
        seen_from(server, f"192.0.2.{made_up}, {SOMEWHERE}").predict(api_name="/start")
    late = seen_from(server, f"203.0.113.9, {SOMEWHERE}")
    told = refusal(lambda: late.predict(api_name="/start"))
    assert told.startswith("A lot came from your address in a short time. Wait ")
    assert count(server, Rater) == before + ADDRESS
    assert seen_from(server, "198.51.100.78").predict(api_name="/start")["token"]


def test_people_of_one_address_are_limited_together(server: Server) -> None:
    client = seen_from(server, "2001:db8::1")
    neighbour = seen_from(server, "2001:db8::2")
    people = [client.predict(api_name="/start") for _ in range(ADDRESS)]
    for one in people[:-1]:
        client.predict(one["token"], one["conversation"], "Hi", api_name="/chat")
    last = people[-1]["token"], people[-1]["conversation"], "Hi"
    neighbour.predict(*last, api_name="/chat")
    assert "your address" in refusal(lambda: neighbour.predict(*last, api_name="/chat"))


def send(
    server: Server, page: str, seq: int, events: Sequence[dict[str, str]] = ()
) -> tuple[int, str]:
    body = json.dumps({"token": page, "seq": seq, "dwell": {}, "events": events}).encode()
    request = urllib.request.Request(f"{server.url}/signals", body)  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return response.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, str(error.headers["Retry-After"])


def test_too_many_signals_get_429_with_when_to_come_again(server: Server) -> None:
    client = seen_from(server)
    identity = Identity(b"test secret")
    page = identity.sign_page(identity.verify_rater(client.predict(api_name="/start")["token"]))

    assert [send(server, page, seq)[0] for seq in range(4 * PERSON)] == [204] * 4 * PERSON
    status, later = send(server, page, 99)
    assert status == 429
    assert 1 <= int(later) <= 60


def test_many_signals_in_one_batch_count_as_several_batches(server: Server) -> None:
    client = seen_from(server)
    identity = Identity(b"test secret")
    page = identity.sign_page(identity.verify_rater(client.predict(api_name="/start")["token"]))
    copied = [{"k": "copy_btn", "mid": "m"}] * 50
    assert send(server, page, 0, copied[:4])[0] == 204
    assert send(server, page, 1, copied)[0] == 429


def log_in(server: Server, forwarded: str, password: str) -> int:
    url, body = f"{server.url}/admin/login", urlencode({"username": "me", "password": password})
    request = urllib.request.Request(url, body.encode(), {"X-Forwarded-For": forwarded})  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_owners_password_is_not_guessed_without_end(server: Server) -> None:
    guesses = [log_in(server, SOMEWHERE, f"guess {number}") for number in range(12)]
    assert guesses[:10] == [400] * 10
    assert guesses[-1] == 429
    headers = {"X-Forwarded-For": SOMEWHERE, "X-Admin-Password": "guess"}
    guesser = Client(server.url, headers=headers, verbose=False)
    told = refusal(lambda: guesser.predict("jsonl", api_name="/export"))
    assert told.startswith("A lot came from your address in a short time. Wait ")
    assert log_in(server, "198.51.100.79", PASSWORD) == 200


def test_looking_costs_nothing(server: Server) -> None:
    for _ in range(50):
        with get(f"{server.url}/healthz") as response:
            assert response.status == 200
