"""What tests of the chat do again and again."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from hitl_chat.service import Draft, Service, Started
from storage import adapters
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
