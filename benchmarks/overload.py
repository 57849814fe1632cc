"""More people at once than can be answered: does anybody get an error?

Knows the app over HTTP only. A clear refusal is no error.
"""

from benchmarks.bench import Bench
from benchmarks.clients import Clients, busy
from benchmarks.figures import Figure
from benchmarks.replies import percentile
from benchmarks.running import serving
from benchmarks.simulate import tell

PEOPLE = 50


def crowd(bench: Bench) -> list[Figure]:
    """Let 50 people ask at the same moment, round after round."""
    firsts: list[float] = []
    problems: list[str] = []
    waits: list[float] = []
    placed = 0
    with serving(bench.env) as app:
        people = Clients(app.address)
        for turn in range(bench.amounts.rounds):
            batch = people.crowd(bench.questions(PEOPLE, turn * PEOPLE))
            problems += [one.problem for one in batch.heard if one.problem is not None]
            answered = [one for one in batch.heard if one.problem is None]
            firsts += [one.first_s for one in answered if one.first_s is not None]
            waits += [one.seconds for one in answered]
            placed += len(people.placed)
    errors = [problem for problem in problems if not busy(problem)]
    tell(
        section="crowd",
        people=PEOPLE,
        asked=PEOPLE * bench.amounts.rounds,
        answered=len(waits),
        refused_clearly=len(problems) - len(errors),
        errors=len(errors),
        told_their_place=placed,
        first_p95_ms=round(percentile(firsts, 95) * 1000),
        whole_p95_ms=round(percentile(waits, 95) * 1000),
        kinds=sorted(set(errors)),
    )
    return [Figure(f"{PEOPLE} people at once, errors", len(errors), 0, at_most=True)]
