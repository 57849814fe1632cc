"""Does it learn, and how fast? Learning curves over tastes, numbers of ratings, seeds and updates.

python -m benchmarks.learning                        all of it: a night on two cores
python -m benchmarks.learning --tastes warm,plain --ratings 32,128 --seeds 0 --updates ppo,kto
python -m benchmarks.learning --train-every 32 --ratings 32,64,96,128 --updates ppo
python -m benchmarks.learning --kept --plot curves.svg    run nothing: show what --out has by now

Each point is one whole run of `benchmarks.simulate`, from an empty data folder to what the gate let
through: a refused candidate leaves the base, which wins half. With `--train-every` it trains on the
way, as the product does, and one run has all the points of its curve. Lines are kept in `--out` as they
come; what is in it already isn't run again, so a night that was cut off goes on. Knows no model.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import tastes
from benchmarks.running import ROOT
from training.config import TrainingConfig

T90 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771)
"""Student's t for a 90% interval, by degrees of freedom from 1; then 1.761 and falling to 1.645."""
BEST_OF = 8
"""Answers that the head chooses from, for comparison; once for all updates, whose head is the same."""
COLUMNS = (
    "Update",
    "Ratings",
    "Runs",
    "Better",
    "Best of 8",
    "Promoted",
    "Gain",
    "Surprise",
    "Distinct-2",
    "KL",
    "Seconds",
)


@dataclass(frozen=True)
class Point:
    """One run to make."""

    taste: str
    ratings: int
    seed: int
    update: str
    every: int | None = None
    """Ratings between two cycles; None has a single one, at the end."""
    unseen: int = 48
    mix: str = ""
    settings: str = ""
    """Those of `settings` that were not left as they are."""


@dataclass(frozen=True)
class Result:
    """What came of a run. Ratios are the candidate's to the base's; None where nothing was tried."""

    point: Point
    before: float
    after: float
    win_rate: float
    promoted: bool
    surprise: float | None
    distinct2: float | None
    kl: float | None
    seconds: float  # of the cycle
    reasons: list[str] = field(default_factory=list)
    """What the gate said."""
    best_of: float | None = None
    """The share of questions answered better by the head's choice among the base's own answers."""
    exams: list[dict[str, Any]] = field(default_factory=list)
    """What the update's looks at unpractised questions found: scores, and the bounds that were left."""

    @classmethod
    def read(cls, line: str) -> "Result":
        """Read a line of the results file."""
        values = json.loads(line)
        return cls(**{**values, "point": _plain(Point(**values["point"]))})


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    options = _options(argv)
    done = _done(options.out)
    wanted = list(_points(options, settings(env)))
    if options.kept:
        wanted = [point for point in wanted if point in done]
    missing = [point for point in wanted if point not in done]
    for number, point in enumerate(missing, 1):
        if point in done:  # on the way to another
            continue
        sys.stderr.write(f"{number} of {len(missing)}: {point}\n")
        for result in _run(point, env):
            done[result.point] = result
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    results = [done[point] for point in wanted]
    sys.stdout.write(table(results))
    if options.plot:
        plot(results, options.plot)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning")
    names = ",".join(taste.__name__ for taste in tastes.REPORTED)
    parser.add_argument("--tastes", default=names, help="of benchmarks/tastes.py")
    parser.add_argument("--ratings", default="32,64,128,256,512")
    parser.add_argument(
        "--train-every",
        type=int,
        metavar="N",
        help="train on the way; --ratings are multiples of it",
    )
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--updates", default="ppo,kto,dpo,sft", help="values of HITL_UPDATE")
    parser.add_argument("--unseen", type=int, default=48, help="prompts that nobody rates")
    parser.add_argument("--mix", default="", help="flags for benchmarks.simulate, in one string")
    parser.add_argument("--out", type=Path, default=Path("learning.jsonl"))
    parser.add_argument("--plot", type=Path, help="an SVG or PNG file to draw")
    parser.add_argument("--kept", action="store_true", help="show what --out has, run nothing")
    options = parser.parse_args(argv)
    options.ratings = sorted(
        map(int, options.ratings.split(",")), reverse=bool(options.train_every)
    )
    if options.train_every and any(number % options.train_every for number in options.ratings):
        parser.error(
            f"--ratings must be multiples of --train-every, which is {options.train_every}"
        )
    return options


def _done(out: Path) -> dict[Point, Result]:
    lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    return {result.point: result for result in map(Result.read, lines)}


def settings(env: Mapping[str, str]) -> str:
    """Return what of the environment changes results: with it no point is taken for another."""
    told = {"HITL_MODEL", "HITL_MAX_NEW_TOKENS"}
    told |= {f"HITL_{one.name.upper()}" for one in fields(TrainingConfig)} - {"HITL_UPDATE"}
    return " ".join(f"{name}={env[name]}" for name in sorted(told & env.keys()))


def _points(options: argparse.Namespace, chosen: str) -> Iterator[Point]:
    seeds = map(int, options.seeds.split(","))
    names, updates = options.tastes.split(","), options.updates.split(",")
    # Seeds first: a run that is cut off has something of every taste.
    for seed, number, taste, update in product(seeds, options.ratings, names, updates):
        shared = (options.train_every, options.unseen, options.mix, chosen)
        yield _plain(Point(taste, number, seed, update, *shared))


def _plain(point: Point) -> Point:
    """Return the name of a point's run: a first cycle is the same whether or not others follow it."""
    return replace(point, every=None) if point.every == point.ratings else point


def _run(point: Point, env: Mapping[str, str]) -> Iterator[Result]:
    """Simulate one run in a process of its own; yields a result after each of its cycles."""
    command = [
        sys.executable, "-m", "benchmarks.simulate",
        "--rater", f"benchmarks/tastes.py:{point.taste}",
        "--ratings", str(point.ratings),
        "--train-every", str(point.every or point.ratings),
        "--seed", str(point.seed),
        "--unseen", str(point.unseen),
        "--best-of", str(BEST_OF if point.update == "ppo" else 1),
        *point.mix.split(),
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        env={**env, "HITL_UPDATE": point.update},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        yield from results_of(point, running.stdout or ())
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)


def results_of(point: Point, lines: Iterable[str]) -> Iterator[Result]:
    """Read what `benchmarks.simulate` prints: a result for each cycle."""
    for values in map(json.loads, lines):
        if "win_rate" in values:
            yield _result(point, values)


def _result(point: Point, line: dict[str, Any]) -> Result:
    verdict = line["verdict"] or {}
    figures = verdict.get("figures", {})
    return Result(
        _plain(replace(point, ratings=line["due"])),
        line["before"],
        line["after"],
        line["win_rate"],
        line["status"] == "promoted",
        figures.get("surprise_ratio"),
        figures.get("distinct2_ratio"),
        figures.get("kl"),
        line["took"],
        verdict.get("reasons", []),
        (line.get("best_of") or {}).get("win_rate"),
        line.get("exams", []),
    )


def table(results: Sequence[Result]) -> str:
    """Return a Markdown table with a row for each update and number of ratings."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *map(_row, _groups(results))]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _groups(results: Sequence[Result]) -> list[list[Result]]:
    groups: dict[tuple[bool, str, int], list[Result]] = {}
    for result in results:
        name = _name(result.point)
        key = (result.point.update != "ppo", name, result.point.ratings)
        groups.setdefault(key, []).append(result)
    return [groups[key] for key in sorted(groups)]


def _name(point: Point) -> str:
    return f"{point.update}, every {point.every}" if point.every else point.update


def _row(group: Sequence[Result]) -> tuple[str, ...]:
    wins, half = interval([r.win_rate for r in group])
    return (
        _name(group[0].point),
        str(group[0].point.ratings),
        str(len(group)),
        f"{wins:.0%}" + (f" ± {100 * half:.0f}" if half else ""),
        _mean([r.best_of for r in group], ".0%"),
        f"{sum(r.promoted for r in group)}",
        f"{statistics.fmean(r.after - r.before for r in group):+.3f}",
        *(_mean([getattr(r, name) for r in group]) for name in ("surprise", "distinct2", "kl")),
        f"{statistics.median(r.seconds for r in group):.0f}",
    )


def _mean(values: Sequence[float | None], form: str = ".2f") -> str:
    found = [value for value in values if value is not None]
    return format(statistics.fmean(found), form) if found else "-"


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of its 90% interval by Student's t; 0 for a single value."""
    if len(values) < 2:
        return statistics.fmean(values), 0.0
    freedom = len(values) - 1
    t = T90[freedom - 1] if freedom <= len(T90) else 1.645 * (1 + 0.98 / freedom)
    return statistics.fmean(values), t * statistics.stdev(values) / math.sqrt(len(values))


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw the share of questions answered better over the number of ratings; faint: each taste."""
    from matplotlib import pyplot  # noqa: PLC0415 - only whoever wants a picture needs it

    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    curves: dict[str, list[list[Result]]] = {}
    for group in _groups(results):
        curves.setdefault(_name(group[0].point), []).append(group)
    for update, groups in curves.items():
        numbers = [0, *(group[0].point.ratings for group in groups)]
        ends = [(0.5, 0.0), *(interval([r.win_rate for r in group]) for group in groups)]
        shares, halves = zip(*ends, strict=True)
        line = axes.errorbar(numbers, shares, yerr=halves, marker="o", capsize=3, label=update)[0]
        for taste in sorted({r.point.taste for group in groups for r in group}):
            wins = [[r.win_rate for r in group if r.point.taste == taste] for group in groups]
            means = [0.5, *(statistics.fmean(one) if one else math.nan for one in wins)]
            axes.plot(numbers, means, color=line.get_color(), alpha=0.3, linewidth=1)
    axes.axhline(0.5, color="grey", linewidth=0.8)
    axes.set_xscale("symlog", linthresh=32)
    axes.set_xlim(left=-4)
    axes.set_xticks(sorted({0, *(r.point.ratings for r in results)}))
    axes.get_xaxis().set_major_formatter("{x:.0f}")
    axes.set(xlabel="ratings", ylabel="unseen questions answered better", ylim=(0.4, 1.0))
    axes.legend(loc="lower right")
    figure.savefig(path)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
