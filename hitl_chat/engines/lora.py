"""Adapters of a server elsewhere, put there and taken away while it runs.

Knows the two ways that servers have for it, not which version serves. A server reads an adapter
from its own disk: it must see the data folder under the same path.

vLLM (https://docs.vllm.ai/en/latest/features/lora/) takes them at /v1/load_lora_adapter, if
VLLM_ALLOW_RUNTIME_LORA_UPDATING is set, and serves each like a model of its own. SGLang
(https://docs.sglang.io/docs/advanced_features/lora) takes them at /load_lora_adapter, and calls
them BASE:ADAPTER. Both list them among their models.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_chat.engines.protocol import AdapterRejected, EngineBusy
from hitl_chat.engines.refusals import BUSY, LATER, ServerSilent
from hitl_chat.engines.remote import Answer, Remote
from hitl_chat.settings import Endpoint
from storage.models import BASE_VERSION

log = logging.getLogger(__name__)

THERE = (400, 422)
"""What a route that is there says to an empty request; one that isn't says 404 or 405."""
NOT_OURS = (401, 403)
SMOKE = [{"role": "user", "content": "Hello"}]
"""What an adapter is tried on."""


@dataclass(frozen=True)
class Dialect:
    """Where a server takes adapters, and what a loaded one is called."""

    name: str
    routes: str
    model: str


DIALECTS = (
    Dialect("vLLM", "{url}", "{version}"),
    Dialect("SGLang", "{root}", "{base}:{version}"),
)


class Lora:
    """The adapters of one server."""

    def __init__(self, remote: Remote, endpoint: Endpoint) -> None:
        self.dialect: Dialect | None = None
        """How the server takes adapters; None as long as `look` hasn't found that it does."""
        self._remote = remote
        self._base = endpoint.model

    async def look(self) -> None:
        """Find out how the server takes adapters, and whether it knows the base model.

        Raises:
            ServerSilent: it doesn't answer, or has no time.
        """
        answer = await self._listed()
        if answer.status in NOT_OURS:
            log.warning("%s refuses us. Set HITL_OPENAI_KEY.", self._remote.url)
        known = _names(answer)
        if known and self._base not in known:
            log.warning(
                "%s knows no model '%s'; it has %s. Set HITL_MODEL, or HITL_OPENAI_MODEL if it has "
                "another name there.",
                *(self._remote.url, self._base, ", ".join(sorted(known)[:5])),
            )
        for dialect in DIALECTS:
            answer = await self._post(dialect, "load_lora_adapter", {})
            if answer.status in THERE:
                self.dialect = dialect
                log.info(
                    "New versions are loaded into %s as %s does it.", self._remote.url, dialect.name
                )
                return

    def model(self, version: str) -> str:
        """Return what the server calls a version."""
        if version == BASE_VERSION or self.dialect is None:
            return self._base
        return self.dialect.model.format(base=self._base, version=version)

    async def has(self, version: str) -> bool:
        """Return whether the server has an adapter, as far as it tells.

        Raises:
            ServerSilent: it doesn't answer.
        """
        return version in _names(await self._listed())

    async def load(self, version: str, folder: Path) -> None:
        """Put an adapter beside the others and try it; nothing stays of one that fails.

        Raises:
            AdapterRejected: the server can't take it, or gives no answer with it.
            EngineBusy: the server has no time; it may be tried again.
            ServerSilent: it doesn't answer.
        """
        if self.dialect is None:
            raise AdapterRejected("The model's server takes no adapters.")
        if not await self.has(version):
            where = {"lora_name": version, "lora_path": str(folder.absolute())}
            answer = await self._post(self.dialect, "load_lora_adapter", where)
            failed = not answer.ok or _field(answer.value(), "success") is False
            if failed and "already" not in answer.text:
                raise _refusal("to load", version, answer)
        request = {"messages": SMOKE, "max_tokens": 1, "temperature": 0}
        url = f"{self._remote.url}/chat/completions"
        answer = await self._remote.ask("POST", url, request | {"model": self.model(version)})
        if not (answer.ok and _field(answer.value(), "choices")):
            if answer.status not in LATER:
                await self.unload(version)
            raise _refusal("to answer with", version, answer)

    async def unload(self, version: str) -> None:
        """Take an adapter away; a server that doesn't do it keeps it, and works on."""
        if self.dialect is None:
            return
        try:
            answer = await self._post(self.dialect, "unload_lora_adapter", {"lora_name": version})
        except ServerSilent as error:
            log.warning("Version %s may have stayed on the server: %s", version, error)
            return
        if answer.ok:
            log.info("Version %s has left the server.", version)
        else:
            log.warning(
                "Version %s stays on the server: status %d: %s",
                *(version, answer.status, answer.excerpt),
            )

    async def _listed(self) -> Answer:
        """Ask for all that the server has."""
        answer = await self._remote.ask("GET", f"{self._remote.url}/models")
        if answer.status in LATER:
            raise ServerSilent(f"it isn't ready: status {answer.status}")
        return answer

    async def _post(self, dialect: Dialect, route: str, body: dict[str, Any]) -> Answer:
        url = self._remote.url
        routes = dialect.routes.format(url=url, root=url.removesuffix("/v1"))
        return await self._remote.ask("POST", f"{routes}/{route}", body)


def _refusal(what: str, version: str, answer: Answer) -> Exception:
    log.error(
        "The model's server refused %s version %s: status %d: %s",
        *(what, version, answer.status, answer.excerpt),
    )
    if answer.status in LATER:
        return EngineBusy(BUSY)
    return AdapterRejected(
        f"The model's server refused {what} {version} (status {answer.status}); the log says more."
    )


def _names(answer: Answer) -> set[str]:
    """Return the names of all that the server has; none if it doesn't tell."""
    listed = _field(answer.value(), "data")
    models = listed if answer.ok and isinstance(listed, list) else []
    return {name for model in models if isinstance(name := _field(model, "id"), str)}


def _field(value: Any, name: str) -> Any:  # noqa: ANN401 - a server may send anything
    return value.get(name) if isinstance(value, dict) else None
