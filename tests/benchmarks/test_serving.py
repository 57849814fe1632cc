import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bench import Amounts, Bench
from benchmarks.clients import busy
from benchmarks.exams import prompts
from benchmarks.serving import SECTIONS, main
from benchmarks.speed import questions_for
from hitl_chat.engines.protocol import EngineBusy

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nonsense"], "unknown section 'nonsense'; use streams, http"),
        (["--rounds", "0"], "--rounds is 0; use 1 to 100"),
        (["--tokens", "1000"], "--tokens is 1000; use 1 to 256"),
        (["swaps", "--swaps", "0"], "--swaps is 0; use 1 to 1000"),
        (["swaps", "--pause", "-1"], "--pause is -1.0; use 0 to 600"),
    ],
)
def test_what_cannot_be_measured_is_named(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv, {})
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_section_that_leaves_ratings_behind_is_the_last() -> None:
    assert list(SECTIONS)[-1] == "busy"


def test_questions_walk_on_and_begin_again() -> None:
    bench = Bench({}, ("a", "b"), Amounts(rounds=1, tokens=4, swaps=1, pause=0.0))
    number = len(prompts(0, 0)[0])
    every = bench.questions(number)
    assert len(set(every)) == number
    assert bench.questions(4, start=number - 2) == every[-2:] + every[:2]
    assert bench.questions(1, start=-1) == every[-1:]


def test_several_questions_for_each_stream() -> None:
    assert [questions_for(number) for number in (1, 4, 8)] == [4, 8, 16]


def test_refusals_that_say_so_are_clear() -> None:
    assert busy(str(EngineBusy.at(56)))
    assert busy("Queue is full! Please try again.")
    assert not busy("list index out of range")


def test_whoever_measures_needs_no_torch() -> None:
    code = (
        "import sys; from benchmarks import serving;"
        "print({'torch', 'transformers', 'peft'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
