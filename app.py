"""Start here: compose the parts, serve the page, end cleanly. The only wiring; knows no detail."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from starlette.middleware import Middleware

from hitl_chat import api, dashboard, lean, looks, page
from hitl_chat.abandoned import Abandoned
from hitl_chat.door import Door
from hitl_chat.engines import choice
from hitl_chat.engines.protocol import Engine
from hitl_chat.erased import Erased
from hitl_chat.explainer import Explainer
from hitl_chat.follower import Follower
from hitl_chat.guard import Guard, Owner
from hitl_chat.outward import recall
from hitl_chat.service import Service
from hitl_chat.settings import Settings, SettingsError
from hitl_chat.traces import Traces
from hitl_chat.trainer import Trainer
from hitl_chat.watch import Watch
from storage.database import Database, DatabaseUnusable
from storage.home import HomeError
from storage.snapshots import RestoreFailed, Snapshots, restore
from training.config import ConfigError, TrainingConfig

log = logging.getLogger("app")

MAX_BODY = 262_144
"""Bytes of one request; the longest message fits many times."""
THREADS = 96
WAITING = 64
"""Events that may wait in Gradio's line before it answers 503."""
UNUSABLE = (SettingsError, ConfigError, HomeError, DatabaseUnusable, RestoreFailed)
"""What the host can mend; told in one line."""
QUIET: dict[str, Any] = {"run_history": False, "enable_monitoring": False, "footer_links": []}


class App:
    """Everything that runs in the chat process, from the database up to the page."""

    def __init__(
        self, settings: Settings, engine: Engine, config: TrainingConfig, env: Mapping[str, str]
    ) -> None:
        """`env` is what processes beside this one see."""
        self._settings, self._env = settings, env
        self._closing = ExitStack()
        self._closing.callback(engine.close)
        if settings.snapshots:
            restore(settings.home, settings.snapshots)
            self._snapshots = Snapshots(
                settings.home, settings.snapshots, lambda why: self.service.loop.report_unsaved(why)
            )
            self._closing.callback(self._snapshots.close)  # after the last row is written
        self.database = Database.open(settings.home)
        self._closing.callback(self.database.close)
        self._abandoned = Abandoned(self.database)
        self._abandoned.look()
        explainer = Explainer(settings.home, env)
        self._closing.callback(explainer.close)
        self.service = Service(
            self.database,
            engine,
            settings,
            train_after=config.train_after,
            heldout_share=config.heldout_share,
            explainer=explainer,
        )
        self._follower = Follower(
            self.database,
            engine,
            settings.home,
            self.service.loop.report,
            pairs=settings.trial_share < 1,
        )
        self._watch = Watch(self.database, settings.home, self.service.loop.report_trial)
        self._erased = Erased(
            self.database, self.service.forget, partial(recall, settings.home.exports)
        )
        self._traces = Traces(self.database, settings.home, self.service.loop.report_uncleared)
        self._door = Door(self.service, settings)
        self._owner = Owner(settings.admin_password, settings.host, settings.proxies)
        self.page = page.build(self.service, self._door, self._owner, settings)

    def start(self) -> str:
        """Watch and follow what serves, start the trainer if asked to, serve; returns the address."""
        # The watch before the follower, which takes what was decided before a crash.
        for part in (self._traces, self._watch, self._follower, self._erased, self._abandoned):
            part.start()
            self._closing.callback(part.close)
        if self._settings.snapshots:
            self._snapshots.start()
        trainer = Trainer(self._env, self.database.seat_taken)
        self._closing.callback(trainer.close)
        self._closing.callback(self.page.close, verbose=False)
        try:
            address = self._launch()
        except OSError as error:
            raise SettingsError(
                f"Port {self._settings.port} of {self._settings.host} can't be used. "
                "Set GRADIO_SERVER_PORT to a free one."
            ) from error
        if self.service.loop.trains:
            trainer.start()
        else:
            log.info("The trainer stays off: %s.", _why_off(self._settings))
        lean.end()
        return address

    def _launch(self) -> str:
        owners = dashboard.mounted(self.service, self.database, self._owner, self._door, QUIET)
        _, address, _ = self.page.queue(
            default_concurrency_limit=api.AT_ONCE, max_size=WAITING
        ).launch(
            server_name=self._settings.host,
            server_port=self._settings.port,
            prevent_thread_lock=True,
            quiet=True,
            ssr_mode=False,
            show_error=False,
            share=False,
            mcp_server=False,
            pwa=False,
            max_threads=THREADS,
            state_session_capacity=1_000,
            blocked_paths=[str(self._settings.home.folder)],
            app_kwargs={
                "routes": [*api.routes(self.service, self._door), *owners.routes],
                "lifespan": owners.lifespan,
                "max_body_size": MAX_BODY,
                "middleware": [Middleware(Guard)],
            },
            theme=looks.theme(),
            css=looks.style(),
            head=looks.scripts(*looks.SCRIPTS),
            **QUIET,
        )
        return str(address)

    def close(self) -> None:
        """End the page, then the trainer, the engine's follower, the database and the engine."""
        self._closing.close()


def run(env: Mapping[str, str], load: Callable[[Settings], Engine]) -> int:
    """Serve with the engine that `load` gives until SIGTERM or Ctrl-C; returns the exit status."""
    try:
        settings = Settings.from_env(env)
        config = TrainingConfig.from_env(env)
        _serve(App(settings, load(settings), config, env))
    except UNUSABLE as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def main(env: Mapping[str, str]) -> int:
    """Serve the model that the settings name."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    for client in ("httpx", "httpx2"):  # addresses of uploads are signed
        logging.getLogger(client).setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return run(env, choice.load)


def _why_off(settings: Settings) -> str:
    if settings.trainer:
        return "what serves takes no adapters"
    if settings.zero_gpu:
        return "ZeroGPU lends to answers alone; HITL_TRAINER=on trains on the processors"
    return "HITL_TRAINER says so"


def _serve(app: App) -> None:
    leave = threading.Event()
    try:
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: leave.set())
        log.info("Serving on %s", app.start())
        leave.wait()
    finally:
        app.close()


if __name__ == "__main__":
    sys.exit(main(os.environ))
