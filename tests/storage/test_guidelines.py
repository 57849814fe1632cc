from collections import Counter

import pytest

from storage import feedback, transcripts
from storage.conversations import NotYours
from storage.database import Database
from storage.guidelines import CURRENT, KNOWN
from storage.transcripts import Transcript
from tests.storage.people import Person


def read(database: Database) -> Transcript:
    with database.read() as session:
        (transcript,) = transcripts.read_rated(session)
        return transcript


def score(person: Person, message: str, scores: dict[str, int], name: str = "dialogue-1") -> None:
    person.database.write(lambda s: feedback.score(s, person.id, message, name, scores))


def test_each_task_is_offered_once_and_each_name_says_its_version() -> None:
    assert set(Counter(g.task for g in CURRENT).values()) == {1}
    assert all(name == f"{g.task}-{g.version}" for name, g in KNOWN.items())


def test_scores_keep_their_guideline_and_come_to_a_share(database: Database) -> None:
    me = Person(database)
    (answer,) = me.ask("hi", "hello")
    score(me, answer.id, {"natural": 5, "logical": 3})
    row = read(database).feedback[0]
    assert (row.guideline, row.scores) == ("dialogue-1", {"natural": 5, "logical": 3})
    assert read(database).scores() == {answer.id: 0.75}
    score(me, answer.id, {})
    assert read(database).scores() == {}


@pytest.mark.parametrize(
    ("name", "scores", "told"),
    [
        ("dialogue-9", {"natural": 5}, "Unknown guideline"),
        ("dialogue-1", {"correct": 5}, "Unknown criterion"),
        ("dialogue-1", {"natural": 6}, "from 1 to 5"),
        ("dialogue-1", {"natural": True}, "from 1 to 5"),
        ("dialogue-1", [5], "by criterion"),
    ],
)
def test_scores_that_make_no_sense_are_refused(
    database: Database, name: str, scores: dict[str, int], told: str
) -> None:
    me = Person(database)
    (answer,) = me.ask("hi", "hello")
    with pytest.raises(ValueError, match=told):
        score(me, answer.id, scores, name)


def test_nobody_scores_someone_elses_answer(database: Database) -> None:
    (answer,) = Person(database).ask("hi", "hello")
    with pytest.raises(NotYours):
        score(Person(database), answer.id, {"natural": 1})


def test_an_edit_that_was_taken_back_is_none(database: Database) -> None:
    me = Person(database)
    (answer,) = me.ask("hi", "hello")
    me.edit(answer, "good day")
    assert read(database).edits() == {answer.id: "good day"}
    database.write(lambda s: feedback.take_back_edit(s, me.id, answer.id))
    assert read(database).edits() == {}
