"""Serving a GGUF on CPUs with llama.cpp. Knows no database and no person.

Each version is a server of its own, merged when it was published; it batches its replies and reuses the
beginning of prompts. They run in one process apart. A swap loads the new one beside the old one, tries it, and
changes one reference; the old one is freed once its last reply has ended. Needs no torch.
"""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from hitl_chat.engines.apart import Apart, LoadFailed, Order, Room
from hitl_chat.engines.growing import Growing
from hitl_chat.engines.loaded import Loaded, Smoke
from hitl_chat.engines.protocol import AdapterRejected, EngineBusy, Reply, Sampling, Turn
from storage.models import BASE_VERSION
from training.gguf import Gguf, GgufError
from training.manifest import AdapterError, verify_files
from training.merged import MERGED, check
from training.prompts import render
from training.vocabulary import Vocabulary

log = logging.getLogger(__name__)

SLOTS = 8
"""Replies that are written at once. Each has its memory reserved, 18 MB with the packaged model."""
WAITING = 48
"""Replies that may wait for a slot."""
MAX_PROMPT = 768
"""Prompt tokens that are read; older turns are left out."""
STEP = 256
"""llama.cpp rounds the tokens of a slot up to multiples of it."""
SHORT = 32
"""Keys of attention fit in eight bits where they are a multiple of it wide."""
SMOKE = "Hello"
"""What a version is tried on."""


class LlamaCppEngine:
    """Serves one GGUF, bare or merged with adapters."""

    name = "llamacpp"
    adapts = True

    def __init__(
        self,
        base: str,
        gguf: Gguf,
        max_new_tokens: int,
        *,
        slots: int = SLOTS,
        waiting: int = WAITING,
        threads: int | None = None,
    ) -> None:
        """Load `gguf`, with room for answers of `max_new_tokens`; `base` is what it is called.

        Raises:
            GgufError: it has a tokenizer that isn't known.
            LoadFailed: llama.cpp can't serve it.
        """
        self.base = base
        self._vocabulary = Vocabulary(gguf.values)
        # Without the lists of tokens and merges, which the vocabulary has in a form of its own.
        short = {key: value for key, value in gguf.values.items() if not isinstance(value, list)}
        self._gguf = replace(gguf, values=short)
        wanted = -(-(MAX_PROMPT + max_new_tokens) // STEP) * STEP
        known = _value(gguf, "context_length", wanted)
        short_keys = _key_width(gguf) % SHORT == 0
        self._room = Room(slots, min(wanted, known), threads, short_keys)
        self._limit = slots + waiting
        self._apart = Apart()
        self._activating = threading.Lock()
        # Under `_lock`:
        self._lock = threading.Lock()
        try:
            self._serving = self._load(BASE_VERSION, gguf.path)
        except LoadFailed:
            self._apart.close()
            raise
        self._beside: Loaded | None = None
        self._growing: dict[Growing, None] = {}  # in the order in which they came
        self._draining: set[threading.Thread] = set()
        self._closed = False

    @property
    def version(self) -> str:
        """The version that the next reply will use."""
        return self._serving.version

    @property
    def beside(self) -> str | None:
        """The version that is kept ready beside that one, if any; it costs as much memory again."""
        beside = self._beside
        return beside.version if beside else None

    def stream(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool = False
    ) -> Iterator[Reply]:
        """Yield the growing reply: once empty, with its version, then whenever it has changed.

        A slow reader gets fewer, longer pieces. Closing the generator frees the slot within one
        decode step.

        Raises:
            EngineBusy: the waiting line is full, or the engine is closing.
        """
        prompt = render(self._vocabulary, turns, self._prompt_room(sampling))
        growing, done = self._enter(prompt, sampling, seed, beside=beside)
        try:
            yield growing.reply
            over = False
            while not over:
                growing.news.wait()
                growing.news.clear()
                over = growing.over  # read before the yield: the last piece is never missed
                yield growing.reply
        finally:
            growing.end("stop")
            done.cancel()  # if it waits still, its place is free at once

    def activate(self, version: str, folder: Path | None) -> None:
        """Check the adapter's GGUF, load it beside the one that serves, try it, then switch.

        Raises:
            AdapterRejected: nothing changed.
        """
        with self._activating:
            if version == self.version:
                return
            fresh = self._ready(version, folder)
            with self._lock:
                closed = self._closed
                retired = fresh if closed else self._serving
                self._serving = self._serving if closed else fresh
                if fresh is self._beside:
                    self._beside = None
            self._let_go(retired)
            if closed:
                raise AdapterRejected("The engine is closing.")

    def accompany(self, version: str | None, folder: Path | None) -> None:
        """Keep a version loaded beside the one that serves; None frees it after its last reply.

        Raises:
            AdapterRejected: nothing changed.
        """
        with self._activating:
            if version == self.beside:
                return
            fresh = self._ready(version, folder) if version else None
            with self._lock:
                closed = self._closed
                retired = fresh if closed else self._beside
                self._beside = self._beside if closed else fresh
            self._let_go(retired)
            if closed:
                raise AdapterRejected("The engine is closing.")

    def close(self) -> None:
        """Stop all work; replies in flight end as they stand."""
        with self._lock:
            self._closed = True
            growing = list(self._growing)
        for reply in growing:
            reply.end("stop")
        with self._activating:
            for loaded in {self._serving, self._beside or self._serving}:
                loaded.close()
        for thread in list(self._draining):
            thread.join()
        self._apart.close()

    def _prompt_room(self, sampling: Sampling) -> int:
        """Return how many prompt tokens fit beside the answer."""
        context = self._room.context
        return min(MAX_PROMPT, max(context - sampling.max_new_tokens, context // 2))

    def _ready(self, version: str, folder: Path | None) -> Loaded:
        """Return the version loaded and tried; those that serve are that already."""
        for loaded in (self._serving, self._beside):
            if loaded and loaded.version == version:
                return loaded
        path = self._gguf.path if folder is None else self._verified(version, folder)
        try:
            return self._load(version, path)
        except LoadFailed as error:
            raise AdapterRejected(f"Version {version} can't serve: {error}.") from error

    def _load(self, version: str, path: Path) -> Loaded:
        prompt = render(
            self._vocabulary, [{"role": "user", "content": SMOKE}], self._room.context // 2
        )
        said, *_ = self._vocabulary.encode(SMOKE, add_special_tokens=False)
        return Loaded(version, Order(path, self._room), self._apart, Smoke(prompt, said))

    def _verified(self, version: str, folder: Path) -> Path:
        """Return the folder's GGUF, once it is known to be whole and made from this base."""
        path = folder / MERGED
        try:
            manifest = verify_files(folder, self.base)
            if MERGED in manifest.sha256:
                check(path, self._gguf)
        except AdapterError as error:
            raise AdapterRejected(str(error)) from error
        except (GgufError, OSError) as error:
            raise AdapterRejected(f"Adapter {folder.name}: {error}") from error
        if MERGED not in manifest.sha256:
            raise AdapterRejected(f"Adapter {folder.name} has no {MERGED} for llama.cpp.")
        if manifest.version != version:
            raise AdapterRejected(f"Folder {folder.name} holds {manifest.version}, not {version}.")
        return path

    def _enter(
        self, prompt: list[int], sampling: Sampling, seed: int, *, beside: bool
    ) -> tuple[Growing, "Future[None]"]:
        """Put a reply into the line; from here on its version is fixed."""
        with self._lock:
            if self._closed:
                raise EngineBusy("The chat is closing. Try again shortly.")
            if len(self._growing) >= self._limit:
                raise EngineBusy.at(self._limit)
            ahead = max(0, len(self._growing) - self._room.slots)
            loaded = (self._beside if beside else None) or self._serving
            reply = Reply(version=loaded.version, seed=seed, ahead=ahead)
            growing = Growing(reply, prompt, sampling)
            self._growing[growing] = None
            done = loaded.write(growing)
        done.add_done_callback(lambda _: self._leave(growing))  # also when it is cancelled
        return growing, done

    def _leave(self, growing: Growing) -> None:
        with self._lock:
            self._growing.pop(growing, None)
            for place, other in enumerate(self._growing):
                other.move_up(max(0, place - self._room.slots))

    def _let_go(self, old: Loaded | None) -> None:
        """Drain a version, unless it serves."""
        if old is not None and old is not self._serving and old is not self._beside:
            self._drain(old)

    def _drain(self, old: Loaded) -> None:
        """Free a version once its last reply has ended; nobody waits for that."""

        def drain() -> None:
            old.close()
            log.info("Version %s has left the memory.", old.version)
            with self._lock:
                self._draining.discard(thread)

        thread = threading.Thread(target=drain, name=f"drain {old.version}")
        with self._lock:
            self._draining.add(thread)
        thread.start()


def _value(gguf: Gguf, name: str, otherwise: int) -> int:
    """Return what the file says of its network; some networks differ from layer to layer."""
    found = gguf.values.get(f"{gguf.values['general.architecture']}.{name}")
    return found if isinstance(found, int) else otherwise


def _key_width(gguf: Gguf) -> int:
    """Return how many numbers a key of attention has, or 1 where that isn't known."""
    size, heads = (_value(gguf, name, 1) for name in ("embedding_length", "attention.head_count"))
    return _value(gguf, "attention.key_length", size // heads if heads > 1 else 1)
