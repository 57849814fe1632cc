"""Serving with a server elsewhere that speaks OpenAI's protocol. Knows no database and no person.

The server has the model and renders the prompts; samplers that aren't named here are as the server
has them. Where it takes adapters while it runs, each version is loaded there under its own name, a
swap changes one reference here, and the old version leaves the server once its last reply has
ended. Needs no torch.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from pathlib import Path

from hitl_chat.engines.dictated import Dictated
from hitl_chat.engines.lora import Lora
from hitl_chat.engines.protocol import AdapterRejected, EngineBusy, Reply, Sampling, Turn
from hitl_chat.engines.refusals import BROKEN, LOST, SILENT, ServerRefused, ServerSilent
from hitl_chat.engines.remote import PATIENCE, Remote
from hitl_chat.settings import Endpoint
from storage.models import BASE_VERSION
from training.manifest import AdapterError, verify_files
from training.prompts import newer_half

log = logging.getLogger(__name__)

LIMIT = 64
"""Replies in flight; the server has its own waiting line."""
HEARTBEAT = 0.5
"""Seconds after which a reader hears that there is no news, and may leave."""
GRACE = 1.0
"""Seconds that a server gets to notice closed connections before it loses what they used."""


class OpenAiEngine:
    """Serves what another server has, and gives it new versions if it takes them."""

    name = "openai"

    def __init__(
        self, base: str, endpoint: Endpoint, *, limit: int = LIMIT, patience: float = PATIENCE
    ) -> None:
        """See what the server can do; `base` is what the base model is called here.

        Raises:
            ServerSilent: it doesn't answer.
        """
        self.base = base
        self._remote = Remote(endpoint, patience)
        self._lora = Lora(self._remote, endpoint)
        try:
            self._remote.run(self._lora.look()).result()
        except ServerSilent:
            self._remote.close()
            raise
        self._limit = limit
        self._activating = threading.Lock()
        # Under `_lock`:
        self._lock = threading.Lock()
        self._version = BASE_VERSION
        self._beside: str | None = None
        self._coming: str | None = None
        self._writing: set[Dictated] = set()
        self._retired: set[str] = set()
        self._unloads: dict[str, Future[None]] = {}
        self._closed = False

    @property
    def adapts(self) -> bool:
        """Whether the server takes adapters."""
        return self._lora.dialect is not None

    @property
    def version(self) -> str:
        """The version that the next reply will use."""
        return self._version

    @property
    def beside(self) -> str | None:
        """The version that is kept ready beside that one, if any."""
        return self._beside

    def stream(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool = False
    ) -> Iterator[Reply]:
        """Yield the growing reply: once empty, with its version, then whenever it has changed.

        And twice a second while it hasn't. A slow reader gets fewer, longer pieces. Closing the
        generator closes the connection, for the server to stop.

        Raises:
            EngineBusy: too many replies are in flight, the engine is closing, or the server has
                refused; the last of these after the first yield.
        """
        dictated, done = self._enter(turns, sampling, seed, beside=beside)
        try:
            yield dictated.reply
            over = False
            while not over:
                dictated.news.wait(HEARTBEAT)
                dictated.news.clear()
                over = dictated.over  # read before the yield: the last piece is never missed
                if dictated.refusal is not None:
                    raise EngineBusy(dictated.refusal)
                yield dictated.reply
        finally:
            dictated.end("stop")
            done.cancel()

    def activate(self, version: str, folder: Path | None) -> None:
        """Check the adapter, have the server load it beside the others, try it, then switch.

        Raises:
            AdapterRejected: nothing changed.
            EngineBusy: nothing changed, as the server doesn't answer; try again later.
        """
        with self._activating:
            if version != self.version:
                self._bring(version, folder, lambda: self._switch(version))

    def accompany(self, version: str | None, folder: Path | None) -> None:
        """Have the server keep a version beside the one that serves; None lets go of it.

        Raises:
            AdapterRejected, EngineBusy: as `activate`; nothing changed.
        """
        with self._activating:
            if version is None:
                self._pair(None)
                self._tidy()
            elif version != self._beside:
                self._bring(version, folder, lambda: self._pair(version))

    def close(self) -> None:
        """Stop all work; replies in flight end as they stand. The server keeps its adapters."""
        with self._lock:
            self._closed = True
            writing = list(self._writing)
        for dictated in writing:
            dictated.end("stop")
        self._remote.close()

    def _bring(self, version: str, folder: Path | None, use: Callable[[], None]) -> None:
        """Have the server load a version, then use it."""
        with self._lock:
            if self._closed:
                raise AdapterRejected("The engine is closing.")
            self._coming = version  # from here on it isn't unloaded
            leaving = self._unloads.get(version)
        try:
            if folder is not None:
                self._load(version, folder, leaving)
            use()
        except ServerSilent as error:
            raise EngineBusy(f"The model's server doesn't answer ({error}).") from error
        except CancelledError as error:
            raise AdapterRejected("The engine is closing.") from error
        finally:
            with self._lock:
                self._coming = None
            self._tidy()

    def _load(self, version: str, folder: Path, leaving: "Future[None] | None") -> None:
        if leaving is not None:
            leaving.result()
        self._remote.run(self._lora.has(version)).result()  # no hashing while nobody answers
        try:
            manifest = verify_files(folder, self.base)
        except (AdapterError, OSError) as error:
            raise AdapterRejected(str(error)) from error
        if manifest.version != version:
            raise AdapterRejected(f"Folder {folder.name} holds {manifest.version}, not {version}.")
        self._remote.run(self._lora.load(version, folder)).result()

    def _switch(self, version: str) -> None:
        with self._lock:
            self._retired.add(self._version)
            self._version = version
            self._beside = None if version == self._beside else self._beside

    def _pair(self, version: str | None) -> None:
        with self._lock:
            self._retired.add(self._beside or self._version)
            self._beside = version

    def _enter(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool
    ) -> tuple[Dictated, "Future[None]"]:
        """Ask the server; from here on the reply's version is fixed."""
        with self._lock:
            if self._closed:
                raise EngineBusy("The chat is closing. Try again shortly.")
            if len(self._writing) >= self._limit:
                raise EngineBusy.at(self._limit)
            version = (self._beside if beside else None) or self._version
            dictated = Dictated(Reply(version=version, seed=seed), sampling)
            self._writing.add(dictated)
            done = self._remote.run(self._write(dictated, turns))
        done.add_done_callback(lambda _: self._leave(dictated))  # also when it is cancelled
        return dictated, done

    def _leave(self, dictated: Dictated) -> None:
        with self._lock:
            self._writing.discard(dictated)
        self._tidy()

    def _tidy(self) -> None:
        """Have versions unloaded that no reply will use any more; nobody waits for that."""
        with self._lock:
            needed = {dictated.reply.version for dictated in self._writing}
            needed |= {BASE_VERSION, self._version, self._beside or self._version}
            needed.add(self._coming or self._version)
            free = set() if self._closed else self._retired - needed
            self._retired -= free
            for version in free:
                self._unloads[version] = self._remote.run(self._unload(version))

    # In the remote's thread

    async def _write(self, dictated: Dictated, turns: list[Turn]) -> None:
        """Have a reply written; whatever happens, it ends."""
        try:
            await self._dictate(dictated, turns)
            dictated.refuse(BROKEN)  # unless it has ended, as it should have
        except ServerSilent as error:
            log.warning("The model's server doesn't answer: %s", error)
            dictated.refuse(SILENT)
        except ServerRefused as error:
            log.error("The model's server gave an error: %s", error)  # noqa: TRY400
            lost = await self._lost(dictated.reply.version)
            dictated.refuse(LOST if lost else error.told)
        except Exception:
            log.exception("A reply ends here.")
        finally:
            dictated.end("error")

    async def _dictate(self, dictated: Dictated, turns: list[Turn]) -> None:
        """Ask for an answer and hear it; the older half of a conversation that is too long goes."""
        request = dictated.request(self._lora.model(dictated.reply.version), turns)
        try:
            async with aclosing(self._remote.chat(request)) as pieces:
                async for piece in pieces:
                    if dictated.hear(piece):
                        return
        except ServerRefused as error:
            if not error.too_long or len(turns) == 1 or dictated.reply.text:
                raise
            log.info("A conversation of %d turns is too long for the server.", len(turns))
            await self._dictate(dictated, newer_half(turns))

    async def _lost(self, version: str) -> bool:
        """Return whether the server has lost a version, as by a restart.

        Then the base serves, until whoever follows what should serve activates it again.
        """
        try:
            if version == BASE_VERSION or await self._lora.has(version):
                return False
        except ServerSilent:
            return False
        with self._lock:
            if self._beside == version:
                self._beside = None
            if self._version == version:
                self._version = BASE_VERSION
                log.warning("The model's server has lost version %s.", version)
        return True

    async def _unload(self, version: str) -> None:
        try:
            await asyncio.sleep(GRACE)
            await self._lora.unload(version)
        finally:
            with self._lock:
                del self._unloads[version]
