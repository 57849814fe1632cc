import argparse
from dataclasses import fields

import pytest

from benchmarks.mix import Mix, MixError, add_flags


def parse(*argv: str) -> Mix:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return Mix.from_options(parser.parse_args(argv))


def test_without_flags_everyone_is_honest_and_exact() -> None:
    assert parse() == Mix()
    assert all(getattr(Mix(), f.name) == 0 for f in fields(Mix))
    assert Mix().honest == 1.0


def test_each_number_has_a_flag() -> None:
    mix = parse("--noise", "0.05", "--length-lovers", "0.3", "--flooder", "1000", "--silent", "0.3")
    assert mix == Mix(noise=0.05, length_lovers=0.3, flooder=1000, silent=0.3)
    assert mix.honest == 0.4


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"noise": 1.1}, "--noise is 1.1; use 0 to 1.0"),
        ({"position_bias": -0.1}, "--position-bias is -0.1; use 0 to 1.0"),
        ({"disagreement": float("nan")}, "--disagreement is nan; use 0 to 10.0"),
        ({"sybils": -1}, "--sybils is -1; use 0 to 10000"),
        ({"silent": 0.5, "flippers": 0.45}, "leave 5% of the people; leave 10% or more"),
    ],
)
def test_a_crowd_that_cannot_be_is_named(values: dict[str, float], said: str) -> None:
    with pytest.raises(MixError, match=said):
        Mix(**values)  # type: ignore[arg-type]
