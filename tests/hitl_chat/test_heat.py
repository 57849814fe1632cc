from typing import Any

import pytest

from hitl_chat import heat

EVIL = "<img src=x onerror=alert(1)>"


def told(*tokens: tuple[str, float], **more: object) -> dict[str, Any]:
    plain = [{"text": text, "share": share} for text, share in tokens]
    facts = {"cycle": 7, "mean": 0.62, "spread": 0.051, "start": 0.5, "form": 0.02, "rest": ""}
    return heat.read(facts | {"head_share": 1.0, "tokens": plain} | more)


def test_levels_are_shares_beside_the_largest() -> None:
    found = told(("a", 0.04), (" b", -0.02), (" c", 0.001), ("", 0.0))
    assert [token["level"] for token in found["tokens"]] == [4, -2, 0, 0]
    assert [token["level"] for token in told(("a", 0.0))["tokens"]] == [0]


def test_tokens_are_put_together_to_words_and_the_same_word_counts_once() -> None:
    found = told(
        (" Gr", 0.01), ("eat", 0.02), ("!", -0.01), (" great", 0.03), ("\n", 0.0), ("", 0.5)
    )
    assert [word["text"] for word in found["adds"]] == ["(end)", "great"]
    assert found["adds"][1]["share"] == pytest.approx(0.06)
    assert [word["text"] for word in found["takes"]] == ["!"]


def test_scripts_without_spaces_are_listed_by_token() -> None:
    found = told(("你好", 0.02), ("世界", -0.02), ("。", 0.01))
    assert [word["text"] for word in found["adds"]] == ["你好", "。"]
    assert [word["text"] for word in found["takes"]] == ["世界"]


def test_the_map_shows_each_token_with_its_number_and_more_than_a_colour() -> None:
    page = heat.shown(told((" fine", 0.031), (" bad", -0.031), rest=" and so on"))
    assert '<span class="more-4" title="+3.1"> fine</span>' in page
    assert '<span class="less-4" title="−3.1"> bad</span>' in page
    assert "Adds most: fine +3.1" in page
    assert "Takes most: bad −3.1" in page
    assert "cycle 7 expects 62 of 100 people" in page
    assert "differ by ±5.1" in page
    assert "> and so on</span>" in page
    assert "own function" not in page


def test_the_hosts_own_function_is_told_apart() -> None:
    assert "Of the reward 25% is your own function's" in heat.shown(
        told(("a", 0.1), head_share=0.75)
    )


def test_hostile_text_is_escaped_wherever_it_stands() -> None:
    page = heat.shown(told((EVIL, 0.1), (" x", 0.2), (f" {EVIL}2", -0.1), rest=EVIL))
    assert "<img" not in page
    assert page.count("&lt;img") == 5  # the map twice, each list once, and what was cut
