"""Simulated people use the running app over HTTP, it trains by itself, and they look again.

python -m benchmarks.demo [--ratings 64]

Starts the app with an empty data folder, talks to it through its named endpoints as any program
would, waits for the app's own trainer, and prints what came of it. The people's taste is
`benchmarks.tastes.friendly`; the app sees nothing of it but thumbs.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradio_client import Client

from benchmarks.crowd import Crowd
from benchmarks.exams import examine, prompts, wins
from benchmarks.running import ServerFailed, serving
from benchmarks.simulate import MAX_NEW_TOKENS, mean, models_shared
from benchmarks.tastes import friendly
from benchmarks.visits import Answer

UNSEEN = 32
PATIENCE = 900
"""Seconds without news of a training after which none is expected; slow machines take long for one."""


class Guest:
    """A person who uses the app over HTTP."""

    def __init__(self, address: str) -> None:
        self._client = Client(address, verbose=False)
        self._tokens: dict[str, str] = {}  # whose answer it is

    def ask(self, text: str) -> Answer:
        """Ask in a new conversation."""
        started = self._client.predict(api_name="/start")
        job = self._client.submit(started["token"], started["conversation"], text, api_name="/chat")
        return self._answer(job.result(), started["token"])

    def regenerate(self, message: str) -> Answer:
        """Ask for another draft."""
        token = self._tokens[message]
        return self._answer(
            self._client.submit(token, message, api_name="/regenerate").result(), token
        )

    def rate(self, message: str, value: int) -> None:
        """Give a thumb."""
        self._client.predict(self._tokens[message], message, value, [], "", api_name="/rate")

    def status(self) -> dict[str, Any]:
        """Return what the app says of itself."""
        result: dict[str, Any] = self._client.predict(api_name="/status")
        return result

    def _answer(self, last: dict[str, Any], token: str) -> Answer:
        self._tokens[last["message"]] = token
        return Answer(last["message"], last["text"], last["version"])


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo")
    parser.add_argument("--ratings", type=int, default=64, help="thumbs to give")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "HITL_MAX_NEW_TOKENS": MAX_NEW_TOKENS,
            "HITL_TRAIN_AFTER": str(options.ratings),
            **env,
            "HITL_DATA_DIR": folder,
        }
        models_shared(env, Path(folder))
        with serving(settings) as app:
            return _tour(Guest(app.address), options.ratings)


def _tour(guest: Guest, ratings: int) -> int:
    begun = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - begun:5.0f} s] {line}\n")
        sys.stdout.flush()

    rated, unseen = prompts(0, UNSEEN)
    before, first = examine(guest, friendly, unseen)
    say(f"Before: version {first[0].version}, true rating {mean(before):.3f} on {UNSEEN} prompts.")
    crowd = Crowd(friendly, 0)
    crowd.rate(lambda: guest, rated, ratings, lambda n: say(f"{n} of {ratings} ratings given."))
    cycle = _wait_for_cycle(guest, say)
    after, answers = examine(guest, friendly, unseen)
    versions = sorted({answer.version for answer in answers})
    say(f"Cycle {cycle['id']}: {cycle['status']}.")
    for reason in (cycle["verdict"] or {}).get("reasons", [cycle.get("error")]):
        say(f"  {reason}")
    say(f"After: version {', '.join(versions)}, true rating {mean(after):.3f}.")
    say(f"Of the same prompts, {wins(after, before):.0%} are answered better (ties count half).")
    for before_, after_ in list(zip(first, answers, strict=True))[:2]:
        say(f"  was: {_short(before_.text)}")
        say(f"  is:  {_short(after_.text)}")
    return 0 if cycle["status"] in ("promoted", "refused") else 1


def _wait_for_cycle(guest: Guest, say: Any) -> dict[str, Any]:  # noqa: ANN401
    told, news = "", time.monotonic()
    while time.monotonic() < news + PATIENCE:
        status = guest.status()
        cycle, running = status["cycle"], status["running"]
        serves = cycle and status["version"] == cycle.get("version")
        if cycle and not running and (serves or cycle["status"] != "promoted"):
            result: dict[str, Any] = cycle
            return result
        line = f"{running['phase']}: {running['detail']}" if running else ""
        if line and line != told:
            say(f"  {line}")
            told, news = line, time.monotonic()
        time.sleep(1)
    raise ServerFailed(f"Nothing was heard of a training for {PATIENCE} seconds.")


def _short(text: str) -> str:
    return " ".join(text.split())[:100]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
