"""What tests of the chat do again and again."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from hitl_chat.service import Draft, Service, Started
from storage import adapters, conversations, feedback
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION, Message

Rows = Callable[[], list[Message]]
Kinds = Callable[[], list[str]]


def ask(service: Service, who: Started, text: str) -> Draft:
    *_, final = service.ask(who.rater, who.conversation, text)
    return final


def add_version(database: Database, home: Home, version: str) -> None:
    (home.adapters / version).mkdir()

    def work(session: Session) -> None:
        adapters.add(session, version, BASE_VERSION, "scripted-base", None)
        adapters.serve(session, version, "test")

    database.write(work)


def rate_version(database: Database, version: str, *values: int) -> None:
    """Let somebody be answered by this version and rate it, once for each value."""

    def work(session: Session) -> None:
        for value in values:
            rater = conversations.add_rater(session).id
            conversation = conversations.start(session, rater)
            question = conversations.say(session, conversation, "Hi")
            answer = conversations.open_answer(
                session,
                conversation,
                question,
                version=version,
                base="scripted-base",
                engine="scripted",
                sampling={},
                seed=1,
            )
            feedback.rate(session, rater, answer.id, value)

    database.write(work)
