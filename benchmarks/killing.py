"""kill -9 of the chat process, again and again, while people rate and backups are taken.

python -m benchmarks.killing --kills 100

The app runs with the scripted engine of the tests, so that what is measured is storing and starting.
Sixteen people rate over HTTP without a pause; a rating counts as acknowledged once its reply came.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import Figure, table
from benchmarks.running import Running, ServerFailed, serving
from benchmarks.simulate import tell
from storage import backup
from storage.backup import BackupFailed
from storage.database import Database
from storage.home import Home
from storage.sqlite import choose_library

APP = (sys.executable, "-m", "tests.serve")
RATERS = 16
LONGEST = 2.0
"""Seconds that people rate before a kill, at most."""
EVERY = 1.0
"""Seconds between two backups."""
PATIENCE = 30.0


class Rater:
    """Someone with an answer to rate; each rating has a number of its own in its comment."""

    def __init__(self, address: str, name: int) -> None:
        self._name = name
        me = call(address, "start")
        self._token = me["token"]
        self._message = call(address, "chat", me["token"], me["conversation"], "Hi")["message"]

    def rate(self, address: str, over: threading.Event, stored: list[str]) -> None:
        """Rate until the server is gone, noting what it acknowledged."""
        while not over.is_set():
            comment = f"{self._name}-{time.monotonic_ns()}"
            try:
                call(address, "rate", self._token, self._message, 1, [], comment)
            except (OSError, ValueError, HTTPException):  # killed before the whole reply came
                continue
            stored.append(comment)


def call(address: str, name: str, *data: Any) -> Any:  # noqa: ANN401 - JSON
    """Call a named endpoint; a stream gives its last event."""
    body = json.dumps({"data": data}).encode()
    kind = {"Content-Type": "application/json"}
    url = (
        f"{address}/gradio_api/call/{name}"
        if name == "chat"
        else f"{address}/gradio_api/run/{name}"
    )
    request = urllib.request.Request(url, body, kind)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
        answer = json.load(response)
    if name != "chat":
        return answer["data"][0]
    with urllib.request.urlopen(f"{url}/{answer['event_id']}", timeout=PATIENCE) as response:  # noqa: S310
        lines = [line for line in response.read().decode().splitlines() if line.startswith("data:")]
    return json.loads(lines[-1].removeprefix("data:"))[0]


class Backups:
    """Takes a backup every second, each with how many ratings were acknowledged before it."""

    def __init__(self, home: Home, stored: list[str]) -> None:
        self.made: list[tuple[Path, int]] = []
        self.failed: list[str] = []
        self._home = home
        self._stored = stored
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True)

    def start(self) -> None:
        """Begin; there is a database by now."""
        self._thread.start()

    def end(self) -> None:
        """Finish the last one."""
        self._over.set()
        self._thread.join()

    def _take(self) -> None:
        while not self._over.wait(EVERY):
            before = len(self._stored)
            try:
                with closing(Database.existing(self._home)) as database:
                    self.made.append((backup.make(database, self._home), before))
            except BackupFailed as error:
                self.failed.append(str(error))


def killing(env: Mapping[str, str], home: Home, kills: int, draw: random.Random) -> list[Figure]:
    """Kill the app `kills` times and look at what is there afterwards."""
    stored: list[str] = []
    starts: list[float] = []
    raters: list[Rater] = []
    backups = Backups(home, stored)
    for kill in range(kills + 1):
        begun = time.monotonic()
        with serving(env, APP) as app:
            starts.append(time.monotonic() - begun)
            if not raters:
                raters = [Rater(app.address, name) for name in range(RATERS)]
                backups.start()
            if kill < kills:
                _rate_until_killed(app, raters, stored, draw.uniform(0.1, LONGEST))
    backups.end()
    file = home.folder / "feedback.db"
    kept = _comments(file)
    backup.check(file)
    missing = sum(len(set(stored[:before]) - _comments(copy)) for copy, before in backups.made)
    lost = len(set(stored) - kept)
    again = starts[1:]  # the first start found no database and had its tables to make
    tell(
        section="killing",
        kills=kills,
        acknowledged=len(stored),
        lost=lost,
        backups=len(backups.made),
        failed_backups=backups.failed,
        missing_in_backups=missing,
        first_start_s=round(starts[0], 2),
        start_s={"median": round(median(again), 2), "most": round(max(again), 2)},
    )
    return [
        Figure("acknowledged ratings that were lost", lost, 0, True),  # noqa: FBT003
        Figure("ratings that a later backup lacks", missing, 0, True),  # noqa: FBT003
        Figure("backups that could not be taken", len(backups.failed), 0, True),  # noqa: FBT003
        Figure("from a kill's restart to ready, longest", max(again), 5, True, " s"),  # noqa: FBT003
    ]


def _rate_until_killed(app: Running, raters: list[Rater], stored: list[str], after: float) -> None:
    over = threading.Event()
    threads = [
        threading.Thread(target=rater.rate, args=(app.address, over, stored)) for rater in raters
    ]
    for thread in threads:
        thread.start()
    time.sleep(after)
    os.kill(app.pid, signal.SIGKILL)
    over.set()
    for thread in threads:
        thread.join()


def _comments(file: Path) -> set[str]:
    """Return the ratings that a database file holds."""
    library = choose_library()
    with closing(library.connect(f"{file.as_uri()}?mode=ro", uri=True)) as raw:
        return {row[0] for row in raw.execute("SELECT comment FROM feedback")}


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status, 1 if something was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.killing", description="Kill the app."
    )
    parser.add_argument("--kills", type=int, default=100, help="how often")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        home = Home.from_env({"HITL_DATA_DIR": folder})
        ours = {"HITL_DATA_DIR": folder, "HITL_TRAINER": "off", "SCRIPTED_DELAY": "0"}
        ours["HITL_PERSON_LIMIT"] = "0"  # nobody rates without a pause by hand
        try:
            figures = killing({**env, **ours}, home, wanted.kills, random.Random(wanted.seed))
        except (ServerFailed, BackupFailed) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write(table(figures))
    return int(any(figure.verdict == "MISSED" for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
