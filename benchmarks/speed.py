"""How fast answers come: through the engine and over HTTP, beside what people would use instead.

Each round asks all sides the same questions, one side after the other, and begins with another
side. Ratios are medians over rounds. Knows not how sides answer.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.clients import Clients, PlainClients
from benchmarks.figures import Figure
from benchmarks.replies import Batch, Speeds
from benchmarks.running import serving
from benchmarks.sides import PLAIN, Bare, Ours, Plain, Side
from benchmarks.simulate import tell
from hitl_chat.engines import choice
from hitl_chat.engines.protocol import Engine
from hitl_chat.settings import Settings

Measured = Mapping[tuple[str, int], Speeds]


def streams(bench: Bench) -> list[Figure]:
    """Compare engines at 1, 4 and 8 streams."""
    with ExitStack() as stack:
        plain = stack.enter_context(Plain(bench.env))
        sides: dict[str, Side] = {
            "ours": Ours(engine_of(bench, stack), bench.sampling),
            "bare": Bare(bench.gguf, bench.sampling),
            "plain": plain,
        }
        measured = alternate(bench, sides, (1, 4, 8))
    _tell("streams", measured)
    one, eight = measured["ours", 1], measured["ours", 8]
    return [
        Figure("one stream, ours / plain", one.over(measured["plain", 1]), 5),
        Figure("one stream, ours / bare llama.cpp", one.over(measured["bare", 1]), 0.9),
        Figure("ours, eight streams / one", eight.over(one), 1.4),
        Figure("ours, eight streams, first token p95", eight.p95, 1, at_most=True, unit=" s"),
    ]


def http(bench: Bench) -> list[Figure]:
    """Compare what arrives through gradio_client with the engine's own speed."""
    with ExitStack() as stack:
        app = stack.enter_context(serving(bench.env))
        plain = stack.enter_context(serving(bench.env, PLAIN, health="/"))
        sides: dict[str, Side] = {
            "engine": Ours(engine_of(bench, stack), bench.sampling),
            "app": Clients(app.address),
            "plain": PlainClients(plain.address),
        }
        measured = alternate(bench, sides, (1, 8))
    _tell("http", measured)
    one, eight = measured["app", 1], measured["app", 8]
    return [
        Figure("gradio_client / engine, one stream", one.over(measured["engine", 1]), 0.85),
        Figure("gradio_client / engine, eight", eight.over(measured["engine", 8]), 0.85),
        Figure("gradio_client, ours / plain, one stream", one.over(measured["plain", 1]), 5),
    ]


def engine_of(bench: Bench, stack: ExitStack) -> Engine:
    """Load the engine that the app would, with the first adapter active."""
    engine = choice.load(Settings.from_env(bench.env))
    stack.callback(engine.close)
    engine.activate(bench.versions[0], bench.home.adapters / bench.versions[0])
    return engine


def alternate(bench: Bench, sides: Mapping[str, Side], numbers: Sequence[int]) -> Measured:
    """Ask every side in every round, with every number of streams; the first question warms up."""
    for side in sides.values():
        side.answer(bench.questions(1, start=-1), 1)
    asked_before = 0
    batches: dict[tuple[str, int], list[Batch]] = {}
    names = list(sides)
    for turn in range(bench.amounts.rounds):
        first = turn % len(names)
        for number in numbers:
            asked = bench.questions(questions_for(number), asked_before)
            asked_before += len(asked)
            for name in names[first:] + names[:first]:
                answered = sides[name].answer(asked, number)
                batches.setdefault((name, number), []).append(answered)
    return {key: Speeds.of(rounds, bench.count) for key, rounds in batches.items()}


def questions_for(number: int) -> int:
    """Return how many questions a round asks: with one each, the last to end would count most."""
    return max(4, 2 * number)


def _tell(section: str, measured: Measured) -> None:
    found = {f"{name}_{number}": speeds.as_json() for (name, number), speeds in measured.items()}
    tell(section=section, **found)
