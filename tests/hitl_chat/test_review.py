from hitl_chat import review
from hitl_chat.explainer import Look
from storage import feedback, queue, reviews
from storage.database import Database
from storage.models import Message
from tests.storage.people import Person

EVIL = "<script>alert(1)</script>"


def shown(database: Database, message: Message) -> str:
    with database.read() as session:
        return review.shown(queue.context(session, message.id))


def test_an_answer_is_shown_in_its_conversation_with_what_was_said(database: Database) -> None:
    person = Person(database)
    person.ask("Hi", "Hello")
    answer, other = person.ask("When?", "Now", "Never")
    person.rate(answer, -1, ["Too short"], "more, please")
    person.rate(answer, 0)
    person.edit(answer, "Now, at once")
    database.write(lambda s: feedback.score(s, person.id, answer.id, "dialogue-1", {"natural": 2}))
    database.write(lambda s: feedback.take_back_edit(s, person.id, answer.id))
    person.choose(other, answer)
    page = shown(database, answer)
    order = ["Hi", "Hello", "When?", "Now", "Never", "disliked it: Too short; more, please"]
    order += ["took the rating back", "wanted this instead: Now, at once", "scored it: natural 2"]
    order += ["took the edit back", "chose the other draft"]
    places = [page.index(text) for text in order]
    assert places == sorted(places)


def test_nothing_leaves_unescaped(database: Database) -> None:
    person = Person(database)
    answer, other = person.ask(EVIL, EVIL, EVIL)
    person.rate(answer, 1, comment=EVIL)
    person.edit(answer, EVIL)
    database.write(lambda s: reviews.exclude(s, answer.id, EVIL))
    page = shown(database, answer)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 6  # question, answer, draft, comment, edit, reason
    assert other.id not in page


def test_why_there_is_no_heat_map_is_told_and_escaped() -> None:
    assert "next training" in review.explained(Look("no_head"))
    assert "7 s" in review.explained(Look("working", seconds=7))
    failed = review.explained(Look("failed", detail=EVIL))
    assert "&lt;script&gt;" in failed
    assert "<script" not in failed


def test_a_text_without_end_is_cut(database: Database) -> None:
    answer = Person(database).ask("Hi", "x" * 3 * review.LONGEST)[0]
    assert len(shown(database, answer)) < 2 * review.LONGEST
