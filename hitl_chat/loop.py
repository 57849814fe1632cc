"""The learning loop as seen from outside: how it stands, its data sets, and what serves.

Only looks on at training, which is the trainer's; knows no person.
"""

from pathlib import Path
from typing import Any

from hitl_chat import reading, steps
from hitl_chat.engines.protocol import Engine
from hitl_chat.settings import Settings
from hitl_chat.trial import Standing
from storage import cycles, export, feedback
from storage.database import Database


class Loop:
    """What everyone may know of it, and what its owner may do."""

    def __init__(
        self, database: Database, engine: Engine, settings: Settings, train_after: int
    ) -> None:
        self.trains = settings.trainer and engine.adapts
        """Whether a trainer belongs beside this process: it was asked for, and could publish."""
        self._database = database
        self._engine = engine
        self.exports = settings.home.exports
        """The folder that data sets are written to."""
        self._home = settings.home
        self._train_after = train_after
        self._problem: str | None = None
        self._unsaved: str | None = None
        self._uncleared: str | None = None
        self._trial: Standing | None = None

    def status(self) -> dict[str, Any]:
        """Return the served version, feedback counts, the next training and the last cycle.

        Once a version has been served, `serving` tells since when and why the present one is, and
        while it is on trial `trial` tells how that stands.
        """
        with self._database.read() as session:
            counts = feedback.counts(session)
            missing = feedback.missing(session, self._train_after)
            last, running = cycles.last(session), cycles.running(session)
            serving = reading.serving(session)
        trial = self._trial.as_json() if self._trial else None
        told = {"serving": serving, "trial": trial}
        return {name: value for name, value in told.items() if value} | {
            "version": self._engine.version,
            "feedback": {"total": counts.total, "waiting": counts.waiting},
            "next_training": {
                "after": self._train_after,
                "missing": missing,
                "trainer": "on" if self.trains or self._database.seat_taken() else "off",
            },
            "cycle": reading.finished(last) if last else None,
            "running": reading.progress(running) if running else None,
            "problem": self._problem or self._unsaved or self._uncleared,
        }

    def public(self) -> dict[str, Any]:
        """Return what everyone may know of `status`: what is wrong, not why, and nobody's words.

        Why names folders and what libraries say, and slices are named by how questions begin; the
        owner's page has both.
        """
        told = self.status()
        cycle, running = told["cycle"], told["running"]
        if running:
            told["running"] = running | {"detail": _without_why(running["detail"])}
        if cycle:
            told["cycle"] = cycle | {"reward": _without_slices(cycle["reward"])}
        if cycle and cycle["status"] == "failed":
            told["cycle"]["error"] = _without_why(cycle["error"])
        return told | {"problem": _without_why(told["problem"])}

    def report(self, problem: str | None) -> None:
        """Keep what the owner should know until it is over (None)."""
        self._problem = problem

    def report_unsaved(self, problem: str | None) -> None:
        """Keep what keeps snapshots from being stored; None when they are again."""
        self._unsaved = problem

    def report_uncleared(self, problem: str | None) -> None:
        """Keep what keeps an erasure from being finished; None when it is."""
        self._uncleared = problem

    def report_trial(self, trial: Standing | None) -> None:
        """Keep how the trial of the version that serves stands; None when it is on none."""
        self._trial = trial

    def export(self, name: str) -> Path:
        """Write one data set format to the exports folder and return the file.

        Raises:
            ValueError: no such format.
        """
        if name not in export.FORMATS:
            raise ValueError(f"Unknown format '{name}'. Use one of {', '.join(export.FORMATS)}.")
        path = self.exports / export.file_name(name)
        with self._home.copying(), self._database.read() as session:
            export.write(session, name, path)
        return path

    def roll_back(self, version: str | None = None) -> str:
        """Serve the version before this one, or the named one; the engine follows at once.

        Raises:
            ValueError: there is no such version.
        """
        return self._database.write(lambda s: steps.roll_back(s, self._home, version))


def _without_why(line: str | None) -> str | None:
    """Return what stands before the colon."""
    return line.partition(": ")[0] if line else line


def _without_slices(reward: dict[str, Any] | None) -> dict[str, Any] | None:
    return reward and {name: value for name, value in reward.items() if name != "slices"}
