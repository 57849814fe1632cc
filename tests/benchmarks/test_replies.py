import pytest

from benchmarks.replies import Batch, Hear, Heard, Question, Speeds, drive, percentile


def says(*texts: str) -> Question:
    def question(hear: Hear) -> None:
        for text in texts:
            hear(text)

    return question


def refuses(error: Exception) -> Question:
    def question(hear: Hear) -> None:
        raise error

    return question


def words(text: str) -> int:
    return len(text.split())


def batch(text: str, seconds: float, *firsts: float | None) -> Batch:
    return Batch([Heard(text, first, seconds) for first in firsts], seconds)


def test_the_last_text_counts_and_the_order_is_that_of_the_questions() -> None:
    heard = drive([says("", "a", "a b"), says("c")], 2).heard
    assert [one.text for one in heard] == ["a b", "c"]
    assert all(one.first_s is not None and one.first_s <= one.seconds for one in heard)


def test_empty_text_is_no_first_token() -> None:
    (heard,) = drive([says("", "")], 1).heard
    assert heard.first_s is None


def test_only_forgiven_errors_are_noted() -> None:
    (heard,) = drive([refuses(ValueError("full"))], 1, (ValueError,)).heard
    assert heard.problem == "full"
    with pytest.raises(ValueError, match="full"):
        drive([refuses(ValueError("full"))], 1)


def test_an_error_without_words_is_named() -> None:
    (heard,) = drive([refuses(KeyError())], 1, (KeyError,)).heard
    assert heard.problem == "KeyError"


def test_speed_is_over_all_streams() -> None:
    assert batch("a b c", 2.0, 0.1, 0.1).speed(words) == 3.0


def test_ratios_are_medians_of_rounds_and_first_tokens_are_taken_together() -> None:
    ours = Speeds.of([batch("a b", 1, 0.1), batch("a b", 2, 0.3), batch("a b", 1, None)], words)
    other = Speeds.of([batch("a", 1, 0.2), batch("a", 0.5, 0.2), batch("a", 1, 0.2)], words)
    assert ours.over(other) == 2.0
    assert ours.first_s == [0.1, 0.3]
    assert ours.as_json() == {"tokens_per_s": 2.0, "first_p50_ms": 100.0, "first_p95_ms": 300.0}


@pytest.mark.parametrize(("share", "value"), [(0, 1), (50, 5), (90, 9), (95, 10), (100, 10)])
def test_percentiles_are_of_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([3, 1, 2, 5, 4, 6, 8, 7, 10, 9], share) == value


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no first token"):
        percentile([], 95)
