from training.slices import FEWEST, OPENINGS, Scored, compare, script


def scored(question: str, answer: str, *, times: int = FEWEST, liked: bool = True) -> list[Scored]:
    return [Scored(question, answer, 0.25 if liked else 0.75, liked)] * times


def test_each_group_has_its_mean_score_beside_how_many_were_liked() -> None:
    found = scored("Why?", "word " * 20) + scored("Why?", "word " * 20, times=3, liked=False)
    found += scored("Why?", "word " * 21)
    groups = compare(found)["length"]
    assert groups == [
        {"name": "1 to 20 words", "answers": 8, "score": (5 * 0.25 + 3 * 0.75) / 8, "liked": 5},
        {"name": "21 to 50 words", "answers": 5, "score": 0.25, "liked": 5},
    ]


def test_lengths_stand_in_order_and_the_longest_has_no_end() -> None:
    found = [one for words in (500, 10, 150) for one in scored("Why?", "word " * words)]
    names = [group["name"] for group in compare(found)["length"]]
    assert names == ["1 to 20 words", "101 to 200 words", "over 200 words"]


def test_groups_of_a_few_answers_are_left_out() -> None:
    found = scored("Why?", "yes", times=FEWEST - 1)
    assert compare(found) == {"length": [], "script": [], "opening": []}


def test_a_script_is_what_most_letters_are_in() -> None:
    assert script("Hello, Москва") == "Cyrillic"
    assert script("Grüße aus Köln") == "Latin"
    assert script("東京 is big") == "Latin"
    assert script("東京タワー 東京東京") == "CJK"
    assert script("مرحبا") == "Arabic"
    assert script("42 + 1 = 43 ✓") == script("") == "none"


def test_questions_are_told_apart_by_how_they_begin() -> None:
    found = [one for i in range(OPENINGS) for one in scored(f"Word{i} is?", "a", times=9)]
    found += scored("“Rarely”, they say.", "a") + scored("?!", "a")
    groups = {group["name"]: group["answers"] for group in compare(found)["opening"]}
    assert groups == {**{f"word{i}": 9 for i in range(OPENINGS)}, "any other": 10}
