from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from starlette.responses import Response

from hitl_chat.engines.openai import OpenAiEngine
from hitl_chat.engines.protocol import EngineBusy
from hitl_chat.follower import Follower
from hitl_chat.service import Service
from hitl_chat.settings import Endpoint, Settings
from storage import adapters as storage
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION
from tests.hitl_chat.engines.elsewhere import Serve
from tests.hitl_chat.visits import Rows, ask
from tests.standin import BASE, eventually
from tests.tiny import publish_adapter


def test_an_answer_is_stored_with_all_that_made_it(
    llama_server: Endpoint, database: Database, settings: Settings, rows: Rows
) -> None:
    engine = OpenAiEngine("tiny", llama_server)
    service = Service(database, engine, settings, train_after=16)
    final = ask(service, service.start(), "Hi")
    engine.close()
    row = rows()[-1]
    written = final.text.replace("\0", "")  # which no database takes, and this model may say
    assert (row.text, row.stop_reason) == (written, final.stop_reason)
    assert row.stop_reason in {"eos", "length"}
    assert (row.version, row.base, row.engine) == (BASE_VERSION, "tiny", "openai")
    assert row.prompt_tokens == 21
    assert row.completion_tokens
    assert row.first_token_ms
    assert row.duration_ms


def test_a_question_that_the_server_refused_stays_and_can_be_asked_again(
    serve: Serve, database: Database, settings: Settings, rows: Rows
) -> None:
    server, engine = serve("plain")
    service = Service(database, engine, settings, train_after=16)
    me = service.start()
    server.script.append(Response("slow down", 429))
    with pytest.raises(EngineBusy, match="busy"):
        ask(service, me, "Who are you?")
    question, failed = rows()
    assert (question.text, failed.text, failed.stop_reason) == ("Who are you?", "", "error")
    *_, final = service.regenerate(me.rater, failed.id)
    assert final.text == f"{BASE} 1 2"
    assert rows()[-1].parent_id == question.id


def test_stop_is_heard_while_the_server_is_silent(
    serve: Serve, database: Database, settings: Settings, rows: Rows
) -> None:
    server, engine = serve("plain")
    server.hold()
    service = Service(database, engine, settings, train_after=16)
    me = service.start()
    stream = service.ask(me.rater, me.conversation, "Who are you?")
    next(stream)
    eventually(lambda: server.writing)
    service.stop(me.rater, me.conversation)
    list(stream)
    eventually(lambda: not server.writing, seconds=2)
    assert rows()[-1].stop_reason == "stop"


def test_a_restarted_server_gets_its_version_again(
    serve: Serve, database: Database, settings: Settings, home: Home, tiny_model: Path
) -> None:
    server, engine = serve("vllm")
    service = Service(database, engine, settings, train_after=16)
    version = publish_adapter(tiny_model, home.adapters, cycle=1)

    def serve_it(session: Session) -> None:
        storage.add(session, version, BASE_VERSION, engine.base, None)
        storage.serve(session, version, "test")

    database.write(serve_it)
    follower = Follower(database, engine, home, service.loop.report)
    follower.start()
    me = service.start()
    assert ask(service, me, "Who are you?").version == version
    server.stop()
    server.start()
    with pytest.raises(EngineBusy, match="loaded again"):
        ask(service, me, "And now?")
    eventually(lambda: engine.version == version, seconds=3)
    assert ask(service, me, "And now?").text == f"{version} 1 2"
    follower.close()
