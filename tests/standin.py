"""A small server that stands in for vLLM, SGLang, or one without adapters. Knows no engine.

It keeps to their documents and is strict about them, and it says whose words it speaks: each answer
names the adapter that it was asked of. https://docs.vllm.ai/en/latest/features/lora/ and
https://docs.sglang.io/docs/advanced_features/lora are what it follows.
"""

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from hitl_chat.settings import Endpoint
from tests.server import free_port

KEY = "sk-test-standin"
BASE = "some/base"
SECONDS = 10.0


class StandIn:
    """A server in a thread; `dialect` is `vllm`, `sglang` or `plain`."""

    def __init__(self, dialect: str) -> None:
        self.endpoint = Endpoint(f"http://127.0.0.1:{free_port()}/v1", KEY, BASE)
        self.loaded: dict[str, str] = {}
        """Where each adapter was loaded from."""
        self.journal: list[str] = []
        """What happened, in order: load, unload, begin, end and cut, each with a name."""
        self.asked: list[dict[str, Any]] = []
        """The bodies of what was asked."""
        self.script: deque[Response] = deque()
        """What the next questions get in place of an answer."""
        self.words = 3
        self.pace = 0.0
        self.unfit: set[str] = set()
        """Adapters that load, but give no answer."""
        self._dialect = dialect
        self._go = threading.Event()
        self._go.set()

    @property
    def writing(self) -> int:
        """Answers that are being written."""
        begun = sum(line.startswith("begin ") for line in self.journal)
        return begun - sum(line.startswith(("end ", "cut ")) for line in self.journal)

    def start(self) -> "StandIn":
        """Listen; all adapters are forgotten, as when such a server is started again."""
        self.loaded.clear()
        host, port = self.endpoint.url.removeprefix("http://").removesuffix("/v1").split(":")
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app(),
                host=host,
                port=int(port),
                log_level="critical",
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        eventually(lambda: self._server.started)
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        self._thread.join(SECONDS)

    def hold(self) -> None:
        """Say nothing more, until `release`."""
        self._go.clear()

    def release(self) -> None:
        """Speak again."""
        self._go.set()

    def _app(self) -> Starlette:
        posts: dict[str, Handler] = {"/v1/chat/completions": self._chat}
        prefix = {"vllm": "/v1", "sglang": ""}.get(self._dialect)
        if prefix is not None:
            posts[f"{prefix}/load_lora_adapter"] = self._load
            posts[f"{prefix}/unload_lora_adapter"] = self._unload
        routes = [Route(path, _guarded(post), methods=["POST"]) for path, post in posts.items()]
        return Starlette(routes=[Route("/v1/models", _guarded(self._models)), *routes])

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"data": [{"id": name} for name in (BASE, *self.loaded)]})

    async def _load(self, request: Request) -> Response:
        body = await request.json()
        if set(body) != {"lora_name", "lora_path"}:
            return self._failed("lora_name and lora_path must be given", wrong_body=True)
        name, path = body["lora_name"], Path(body["lora_path"])
        if name in self.loaded:
            return self._failed(f"The lora adapter '{name}' has already been loaded.")
        if not (path.is_absolute() and (path / "adapter_config.json").is_file()):
            return self._failed(f"No adapter found for {path}")
        self.loaded[name] = str(path)
        self.journal.append(f"load {name}")
        return self._done()

    async def _unload(self, request: Request) -> Response:
        body = await request.json()
        if set(body) != {"lora_name"}:
            return self._failed("lora_name must be given", wrong_body=True)
        if self.loaded.pop(body["lora_name"], None) is None:
            return self._failed("The lora adapter cannot be found.", status=404)
        self.journal.append(f"unload {body['lora_name']}")
        return self._done()

    def _done(self) -> Response:
        if self._dialect == "sglang":
            return JSONResponse({"success": True, "loaded_adapters": self.loaded})
        return PlainTextResponse("Success")

    def _failed(self, line: str, status: int = 400, *, wrong_body: bool = False) -> Response:
        if self._dialect == "sglang":
            return JSONResponse({"success": False, "error_message": line}, 400)
        return JSONResponse({"error": {"message": line}}, 422 if wrong_body else status)

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        if self.script:
            return self.script.popleft()
        adapter = self._adapter(body["model"])
        if adapter is None:
            status = 400 if self._dialect == "sglang" else 404
            return JSONResponse({"error": {"message": f"{body['model']} is not here"}}, status)
        if adapter in self.unfit:
            return JSONResponse({"error": {"message": "Out of range float values"}}, 500)
        if not body.get("stream"):
            return JSONResponse({"choices": [{"message": {"content": adapter}}]})
        return StreamingResponse(self._words(adapter), media_type="text/event-stream")

    def _adapter(self, model: str) -> str | None:
        """Return the adapter that a model's name stands for; None if there is none."""
        if model == BASE:
            return BASE
        if self._dialect == "sglang":
            base, _, model = model.partition(":")
            model = model if base == BASE else ""
        return model if model in self.loaded else None

    async def _words(self, adapter: str) -> AsyncIterator[str]:
        self.journal.append(f"begin {adapter}")
        ended = "cut"
        try:
            yield piece(choices=[{"delta": {"role": "assistant", "content": ""}}])
            for word in [adapter, *(f" {n}" for n in range(1, self.words))]:
                while not self._go.is_set():
                    await asyncio.sleep(0.01)
                yield piece(choices=[{"delta": {"content": word}}])
                await asyncio.sleep(self.pace)
            yield piece(choices=[{"delta": {}, "finish_reason": "stop"}])
            yield piece(choices=[], usage={"prompt_tokens": 7, "completion_tokens": self.words + 1})
            yield "data: [DONE]\n\n"
            ended = "end"
        finally:
            self.journal.append(f"{ended} {adapter}")


Handler = Callable[[Request], Any]


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        given = request.headers.get("authorization")
        if given != f"Bearer {KEY}":
            return JSONResponse({"error": {"message": f"Wrong key: {given}"}}, 401)
        response: Response = await handler(request)
        return response

    return guarded


def piece(**fields: Any) -> str:  # noqa: ANN401 - whatever a server may send
    """Return a piece of an answer as a server sends it."""
    return f"data: {json.dumps(fields)}\n\n"


def eventually(claim: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until `claim` holds."""
    until = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > until:
            raise TimeoutError("It never became true.")
        time.sleep(0.01)
