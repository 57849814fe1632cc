from collections import Counter

import pytest
from huggingface_hub import DatasetCard, ModelCard

from storage import cards, statistics, transcripts
from storage.database import Database
from storage.selection import Selection
from storage.statistics import Statistics
from tests.storage.people import Person


@pytest.fixture
def found(database: Database, person: Person) -> Statistics:
    """One person likes long answers and rates most, another says one thing."""
    first, second = person.ask("Hi", "one two three four", "one")
    person.rate(first, 1)
    person.rate(second, -1, ["Too short"])
    third, fourth = person.ask("Bye", "a", "b")
    person.choose(fourth, third)
    other = Person(database)
    other.edit(other.ask("Hi", "Helo")[0], "Hello")
    Person(database).ask("Hi", "nobody said a thing")
    with database.read() as session:
        return statistics.gather(transcripts.read_all(session), Selection())


def test_statistics_count_what_was_said(found: Statistics) -> None:
    assert (found.conversations, found.answers, found.opinions) == (3, 6, 4)
    assert (found.likes, found.dislikes, found.edits, found.choices) == (1, 1, 1, 1)
    assert (found.first_chosen, found.liked_words, found.disliked_words) == (0, 4, 1)
    assert sorted(found.raters.values()) == [1, 3]
    assert found.busiest == 0.75
    assert found.versions == {"base": 6}
    assert found.reasons == {"Too short": 1}


def test_the_card_of_a_data_set_says_what_it_holds_and_how_it_is_biased(found: Statistics) -> None:
    files = {"trl-unpaired.train.jsonl": 3, "trl-unpaired.test.jsonl": 1}
    text = cards.data_set("trl-unpaired", files, found, Counter(email=2), "cc-by-4.0")
    data = DatasetCard(text).data
    assert data.get("license") == "cc-by-4.0"
    assert [part["split"] for part in data.get("configs")[0]["data_files"]] == ["train", "test"]
    for line in (
        "| Rows in `trl-unpaired.train.jsonl` | 3 |",
        "| Likes | 1 |",
        "2 people, and the busiest gave 75% of all opinions",
        "liked answers have 4 words on average, disliked ones 1.",
        "the draft shown first was preferred: 0 of 1.",
        "| Reason: Too short | 1 |",
        "2 of kind email",
        "## Consent and personal data",
    ):
        assert line in text


def test_a_card_claims_nothing_that_nobody_said() -> None:
    text = cards.data_set("jsonl", {"jsonl.jsonl": 0}, Statistics(), None)
    assert DatasetCard(text).data.get("license") is None
    assert "None was named" in text
    assert "Personal data were left as they are." in text
    assert "can't be compared yet" in text
    assert "Who said yes to a publication was not looked at" in " ".join(text.split())


def test_the_card_of_an_adapter_names_its_base_and_the_verdict() -> None:
    manifest = {"version": "v7", "parent": "v6", "base": 'org/model: "x"'}
    text = cards.adapter(manifest, {"verdict": {"promoted": True}}, "mit")
    data = ModelCard(text).data
    assert data.get("base_model") == 'org/model: "x"'
    assert data.get("library_name") == "peft"
    assert '"promoted": true' in text
    assert "Its parent is `v6`" in text
