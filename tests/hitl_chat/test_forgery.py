"""Somebody speaks for somebody else, in every way the server can be reached: nothing of it counts."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from sqlalchemy import func, select

from hitl_chat.identity import Identity
from storage.models import Conversation, Feedback, Message, Signal
from tests.server import Server, get

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FORGED = 60


class Person:
    """Someone at the server's doors, with a conversation of two drafts."""

    def __init__(self, server: Server) -> None:
        self.server = server
        started = self.call("start")
        self.token, self.conversation = started["token"], started["conversation"]

    def call(self, name: str, *data: object) -> Any:  # noqa: ANN401 - JSON
        """Call an endpoint; None if it was refused."""
        answer = self.post(f"gradio_api/run/{name}", {"data": list(data)})
        return answer["data"][0] if "data" in answer else None

    def post(self, path: str, body: object) -> dict[str, Any]:
        """Return what the server says; what it refuses has an `error`."""
        sent = json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.server.url}/{path}", sent, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return dict(json.loads(response.read() or b"{}"))
        except urllib.error.HTTPError as error:
            with error:
                return {"error": error.code}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("forgery") / "data"
    server = Server(folder, SCRIPTED_DELAY="0").start()
    yield server
    assert server.end() == 0


@pytest.fixture
def victim(server: Server) -> Person:
    person = Person(server)
    client = Client(server.url, verbose=False)
    client.predict(person.token, person.conversation, "mine", api_name="/compare")
    return person


@pytest.fixture
def stranger(server: Server) -> Person:
    return Person(server)


def drafts(person: Person) -> list[str]:
    about = select(Message.id).where(Message.conversation_id == person.conversation)
    return query(person, about.where(Message.role == "assistant").order_by(Message.created_at))


def query(person: Person, asked: Any) -> list[Any]:  # noqa: ANN401 - any select
    database = person.server.database()
    try:
        with database.read() as session:
            return list(session.scalars(asked))
    finally:
        database.close()


def about(person: Person) -> list[Any]:
    """Everything that is stored of someone's conversation."""
    mine = select(Message.id).where(Message.conversation_id == person.conversation)
    counts = [
        *query(person, select(func.count()).where(Feedback.message_id.in_(mine))),
        *query(person, select(func.count()).where(Signal.message_id.in_(mine))),
        *query(person, select(func.count()).where(Message.id.in_(mine))),
    ]
    head = select(Conversation.head_id).where(Conversation.id == person.conversation)
    return [*counts, *query(person, head)]


def rater(person: Person) -> str:
    owner = select(Conversation.rater_id).where(Conversation.id == person.conversation)
    return str(query(person, owner)[0])


def false_tokens(victim: Person, stranger: Person) -> list[str]:
    """Tokens that don't stand for the victim, however much they look like it."""
    claims, mac = victim.token.split(".")
    return [
        stranger.token,
        Identity(b"another secret").sign_rater(rater(victim)),
        Identity(b"test secret").sign_page(rater(victim)),
        f"{claims}.{stranger.token.split('.')[1]}",
        f"{claims}.{mac[:-2]}",
        rater(victim),
    ]


def test_no_forged_thumb_counts(victim: Person, stranger: Person) -> None:
    before, (first, second) = about(victim), drafts(victim)
    tokens = false_tokens(victim, stranger)
    for place in range(FORGED):
        message = (first, second)[place % 2]
        assert stranger.call("rate", tokens[place % 6], message, (1, -1)[place % 2], [], "") is None
    assert about(victim) == before
    assert victim.call("rate", victim.token, first, 1, [], "") == {"ok": True}


def test_no_forged_signal_counts(victim: Person, stranger: Person) -> None:
    before, answers = about(victim), drafts(victim)
    foreign = Identity(b"test secret").sign_page(rater(stranger))
    tokens = [foreign, Identity(b"guess").sign_page(rater(victim)), victim.token, ""]
    for place in range(FORGED):
        body = {
            "token": tokens[place % 4],
            "seq": place,
            "dwell": dict.fromkeys(answers, 9_000),
            "reach": dict.fromkeys(answers, 1),
            "events": [{"k": "copy_btn", "mid": mid, "n": 9} for mid in answers],
        }
        stranger.post("signals", body)
    assert about(victim) == before


def test_a_beacon_that_is_sent_sixty_times_counts_once(victim: Person) -> None:
    message = drafts(victim)[0]
    body = {
        "token": Identity(b"test secret").sign_page(rater(victim)),
        "seq": 1,
        "events": [{"k": "leave", "mid": message}],
    }
    for _ in range(FORGED):
        victim.post("signals", body)
    assert query(victim, select(Signal.kind).where(Signal.message_id == message)) == ["leave"]


def test_someone_elses_ids_are_refused_by_every_endpoint(victim: Person, stranger: Person) -> None:
    before, (first, second) = about(victim), drafts(victim)
    client = Client(stranger.server.url, verbose=False)
    for name, *given in (
        ("chat", victim.conversation, "hello"),
        ("compare", victim.conversation, "hello"),
        ("regenerate", first),
        ("rate", first, 1, [], ""),
        ("edit", first, "mine now"),
        ("edit", first, None),
        ("score", first, "dialogue-1", {"natural": 5}),
        ("again", first),
        ("trace", first),
        ("choose", second, first, "better"),
    ):
        with pytest.raises(AppError, match="No such"):
            client.predict(stranger.token, *given, api_name=f"/{name}")
    assert about(victim) == before


def test_the_pages_own_events_take_nobodys_word_for_who_they_are(
    victim: Person, stranger: Person
) -> None:
    before, (first, second) = about(victim), drafts(victim)
    with get(f"{victim.server.url}/config") as response:
        config = json.load(response)
    types = {c["id"]: c["type"] for c in config["components"]}
    events = [d for d in config["dependencies"] if d["backend_fn"] and d["inputs"]]
    assert len(events) >= 8
    for who in (
        {"token": stranger.token, "conversation": victim.conversation},
        {"token": "forged", "conversation": victim.conversation},
        {"token": None, "conversation": victim.conversation},
    ):
        for event in events:
            for message in (first, second):
                data = [who if types[i] == "browserstate" else message for i in event["inputs"]]
                body = {
                    "fn_index": event["id"],
                    "data": data,
                    "event_data": {"message": message},
                    "session_hash": "stranger",
                }
                assert "event_id" in stranger.post("gradio_api/queue/join", body)
    time.sleep(2)
    assert about(victim) == before
