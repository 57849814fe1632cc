import json
from datetime import datetime
from pathlib import Path

from storage import export, feedback
from storage.database import Database
from tests.storage.exported import answered, load, rows, said
from tests.storage.people import Person

MESSAGES = "List({'role': Value('string'), 'content': Value('string')})"


# Preference


def test_a_choice_is_a_pair(database: Database, person: Person, tmp_path: Path) -> None:
    worse, better = person.ask("Hi", "Go away", "Hello")
    person.choose(better, worse)
    assert rows(database, "trl-preference", tmp_path) == [
        {"prompt": said("Hi"), "chosen": answered("Hello"), "rejected": answered("Go away")}
    ]


def test_only_the_newest_choice_between_two_drafts_counts(
    database: Database, person: Person, tmp_path: Path
) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.choose(first, second)
    person.choose(second, first)
    [row] = rows(database, "trl-preference", tmp_path)
    assert row["chosen"] == answered("Good day")
    person.choose(first, second, "both_bad")
    assert rows(database, "trl-preference", tmp_path) == []


def test_an_edit_is_preferred_to_what_it_edits(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [answer] = person.ask("Hi", "Helo")
    person.edit(answer, "Hallo")
    person.edit(answer, "Hello")
    assert rows(database, "trl-preference", tmp_path) == [
        {"prompt": said("Hi"), "chosen": answered("Hello"), "rejected": answered("Helo")}
    ]
    assert rows(database, "trl-prompt-completion", tmp_path) == [
        {"prompt": said("Hi"), "completion": answered("Hello")}
    ]


def test_an_edit_that_changes_nothing_says_nothing(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [answer] = person.ask("Hi", "Hello")
    person.edit(answer, "Hello")
    for name in ("trl-preference", "trl-unpaired", "trl-prompt-completion"):
        assert rows(database, name, tmp_path) == []


def test_a_liked_draft_is_preferred_to_a_disliked_one_beside_it(
    database: Database, person: Person, tmp_path: Path
) -> None:
    bad, good, _unrated = person.ask("Hi", "Go away", "Hello", "Hm")
    other = person.ask("Bye", "See you")[0]
    person.rate(bad, -1)
    person.rate(good, 1)
    person.rate(other, 1)
    [row] = rows(database, "trl-preference", tmp_path)
    assert (row["chosen"], row["rejected"]) == (answered("Hello"), answered("Go away"))


def test_drafts_that_were_compared_are_not_paired_again_by_thumbs(
    database: Database, person: Person, tmp_path: Path
) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.rate(first, 1)
    person.rate(second, -1)
    person.choose(second, first)
    [row] = rows(database, "trl-preference", tmp_path)
    assert row["chosen"] == answered("Good day")


def test_equal_drafts_make_no_pair(database: Database, person: Person, tmp_path: Path) -> None:
    first, second = person.ask("Hi", "Hello", "Hello")
    person.choose(first, second)
    assert rows(database, "trl-preference", tmp_path) == []


# Unpaired, prompt and completion


def test_only_the_newest_rating_counts_and_one_taken_back_does_not(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [kept] = person.ask("One?", "1")
    [back] = person.ask("Two?", "2")
    [never] = person.ask("Three?", "3")
    person.rate(kept, 1)
    person.rate(kept, -1)
    person.rate(back, 1)
    person.rate(back, 0)
    assert never.text == "3"
    assert rows(database, "trl-unpaired", tmp_path) == [
        {"prompt": said("One?"), "completion": answered("1"), "label": False}
    ]
    assert rows(database, "trl-prompt-completion", tmp_path) == []


# Everything


def test_the_raw_form_holds_every_answer_with_all_that_was_said_of_it(
    database: Database, person: Person, tmp_path: Path
) -> None:
    first, second = person.ask("Hi", "Helo", "Hello")
    person.rate(first, -1, ["Style or tone"], "typo")
    person.rate(first, 0)
    person.edit(first, "Hello!")
    person.choose(second, first)
    database.write(lambda s: feedback.signal(s, person.id, first.id, "dwell_ms", 900.0))
    one, two = rows(database, "jsonl", tmp_path)
    assert (one["prompt"], one["answer"], two["answer"]) == (said("Hi"), "Helo", "Hello")
    assert [draft["answer"] for draft in one["drafts"]] == ["Helo", "Hello"]
    told = [(row["kind"], row["value"], row["text"], row["verdict"]) for row in one["feedback"]]
    assert told == [("rating", -1, "", ""), ("rating", 0, "", ""), ("edit", 0, "Hello!", "")]
    assert (one["feedback"][0]["reasons"], one["feedback"][0]["comment"]) == (
        ["Style or tone"],
        "typo",
    )
    assert (two["feedback"][0]["verdict"], two["feedback"][0]["other"]) == ("better", first.id)
    assert [(row["kind"], row["amount"]) for row in one["signals"]] == [("dwell_ms", 900.0)]
    assert (one["version"], one["seed"], one["stop_reason"]) == ("base", 7, "eos")
    assert json.loads(one["sampling"]) == {"temperature": 0.7}
    assert (one["prompt_tokens"], one["first_token_ms"], one["duration_ms"]) == (3, 5.0, 6.5)


def test_no_export_names_a_rater(database: Database, person: Person, tmp_path: Path) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.rate(first, 1)
    person.choose(first, second)
    for name in export.FORMATS:
        assert person.id not in json.dumps(rows(database, name, tmp_path), default=str)


# Files


COLUMNS = {
    "trl-preference": dict.fromkeys(("prompt", "chosen", "rejected"), MESSAGES),
    "trl-preference-implicit": dict.fromkeys(("chosen", "rejected"), MESSAGES),
    "trl-unpaired": {"prompt": MESSAGES, "completion": MESSAGES, "label": "Value('bool')"},
    "trl-prompt-completion": dict.fromkeys(("prompt", "completion"), MESSAGES),
    "trl-prompt-only": {"prompt": MESSAGES},
    "trl-language-modeling": {"messages": MESSAGES},
}


def test_each_format_loads_in_datasets_with_exactly_its_columns(
    database: Database, person: Person, tmp_path: Path
) -> None:
    bad, good = person.ask("Hi", "Go away", "Grüß Gott, “friend” \u2028 🙂")
    person.rate(bad, -1, ["Style or tone"], "rude")
    person.rate(good, 1)
    person.ask("2026-11-23", "12")
    exported = {name: rows(database, name, tmp_path) for name in export.FORMATS}
    loaded = load(tmp_path, *[tmp_path / export.file_name(name) for name in export.FORMATS])
    for file, data in loaded.items():
        name = Path(file).stem
        assert data["columns"] == COLUMNS.get(name, data["columns"])
        assert list(data["columns"]) == list(exported[name][0])
        assert len(data["rows"]) == len(exported[name]) > 0
        if name in COLUMNS:  # elsewhere times come back as times, and rows get each other's keys
            assert data["rows"] == exported[name]


def test_a_million_characters_in_one_answer_fit_in_parquet(
    database: Database, person: Person, tmp_path: Path
) -> None:
    person.ask("Hi", "long " * 250_000)
    [row] = rows(database, "parquet", tmp_path)
    assert len(row["answer"]) == 1_250_000


def test_parquet_holds_what_json_lines_hold(
    database: Database, person: Person, tmp_path: Path
) -> None:
    answer, _ = person.ask("Hi", "Hello", "Good day")
    person.rate(answer, -1, ["Other"], "no")
    database.write(lambda s: feedback.signal(s, person.id, answer.id, "copy", 5.0))
    plain, typed = (rows(database, name, tmp_path) for name in ("jsonl", "parquet"))
    for one, other in zip(plain, typed, strict=True):
        assert other["created_at"] == datetime.fromisoformat(one["created_at"])
        times = {"created_at": None}
        for kind in ("feedback", "signals"):
            assert [x | times for x in other.pop(kind)] == [x | times for x in one.pop(kind)]
        assert other | times == one | times
