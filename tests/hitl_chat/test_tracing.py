import pytest

from hitl_chat.explainer import Explainer, Look
from hitl_chat.service import NotYours, Service, Started
from hitl_chat.settings import Settings
from storage import cycles, feedback
from storage.database import Database
from storage.home import Home
from tests.hitl_chat.visits import Kinds, add_version, ask
from tests.scripted import ScriptedEngine


def learn(database: Database, status: str = "promoted", version: str | None = None) -> int:
    """Let a cycle see everything said so far."""
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    verdict = {"promote": status == "promoted", "reasons": ["it wins more"]}
    database.write(lambda s: cycles.close(s, cycle, status, version=version, verdict=verdict))
    return cycle


def test_what_was_said_waits_until_a_cycle_learns_from_it(
    service: Service, me: Started, database: Database
) -> None:
    message = ask(service, me, "hello").message
    assert service.opinions.trace(me.rater, message)["said"] is None
    service.opinions.rate(me.rater, message, 1)
    learn(database, "skipped")
    waiting = service.opinions.trace(me.rater, message)
    assert (waiting["said"]["target"], waiting["cycle"]) == (1.0, None)
    first = learn(database, version="v1")
    learn(database, version="v2")
    told = service.opinions.trace(me.rater, message)
    assert (told["cycle"]["id"], told["cycle"]["version"]) == (first, "v1")
    assert told["cycle"]["reasons"] == ["it wins more"]
    assert told["use"] == "training"


def test_what_is_kept_for_checking_is_told_so(
    me: Started, database: Database, settings: Settings, engine: ScriptedEngine
) -> None:
    service = Service(database, engine, settings, train_after=16, heldout_share=1.0)
    message = ask(service, me, "hello").message
    service.opinions.rate(me.rater, message, -1)
    learn(database)
    assert service.opinions.trace(me.rater, message)["use"] == "checking"


def test_the_same_question_is_answered_beside_what_is_shown(
    service: Service,
    me: Started,
    database: Database,
    home: Home,
    engine: ScriptedEngine,
    kinds: Kinds,
) -> None:
    engine.enqueue("before", "later", "after")
    message = ask(service, me, "hello").message
    later = ask(service, me, "and then").message
    add_version(database, home, "v1")
    engine.activate("v1", None)
    shown = service.show(me.rater, me.conversation)
    draft = service.again(me.rater, message)
    assert (draft.text, draft.version, draft.done) == ("after", "v1", True)
    assert [one.message for one in service.show(me.rater, me.conversation)][-1] == later
    assert len(service.show(me.rater, me.conversation)) == len(shown)
    assert "regenerate" not in kinds()
    told = service.opinions.trace(me.rater, message)
    assert [(a["version"], a["text"]) for a in told["answers"]] == [
        ("base", "before"),
        ("v1", "after"),
    ]
    assert told["served"] == "v1"
    assert told["answers"][1]["formed"] == [{"tag": "p", "inside": ["after"]}]


def test_nobody_learns_of_someone_elses_rating(
    service: Service, me: Started, stranger: Started
) -> None:
    message = ask(service, me, "hello").message
    for call in (service.opinions.trace, service.again):
        with pytest.raises(NotYours):
            call(stranger.rater, message)


class Known(Explainer):
    """Explains every answer at once, with the answer's own id."""

    def __init__(self) -> None:
        self.forgotten = 0

    def look(self, one: str, kind: str = "message") -> Look:
        return Look("done", {kind: one})

    def forget(self) -> None:
        self.forgotten += 1


def test_why_the_head_likes_an_answer_is_told_to_its_person_and_to_nobody_else(
    me: Started, stranger: Started, database: Database, settings: Settings, engine: ScriptedEngine
) -> None:
    known = Known()
    service = Service(database, engine, settings, train_after=16, explainer=known)
    message = ask(service, me, "hello").message
    told = service.opinions.explain(me.rater, message)
    assert told == {"state": "done", "seconds": 0, "told": {"message": message}}
    for nobody, what in ((stranger.rater, message), (me.rater, "0" * 32), (me.rater, "--help")):
        with pytest.raises(NotYours):
            service.opinions.explain(nobody, what)
    service.erase(me.rater)
    assert known.forgotten == 1


def test_where_no_head_can_be_asked_that_is_said(service: Service, me: Started) -> None:
    message = ask(service, me, "hello").message
    assert service.opinions.explain(me.rater, message)["state"] == "no_trainer"
