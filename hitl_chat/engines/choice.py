"""Which engine serves, and why. Knows settings and machines, not how engines work.

Model libraries are imported by the branch that needs them: with llama.cpp there is no torch here.
"""

import ctypes
import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hitl_chat.engines.protocol import Engine
from hitl_chat.settings import Endpoint, Settings, SettingsError
from training.gguf import GgufError, locate, read

if TYPE_CHECKING:
    from training.base import Base

log = logging.getLogger(__name__)


def load(settings: Settings) -> Engine:
    """Load the engine that the settings ask for, and say which and why.

    Raises:
        SettingsError: the model can't be found, or not be served that way.
    """
    gguf, endpoint = locate(settings.model), settings.endpoint
    cuda = settings.zero_gpu or has_cuda()  # asking the driver would spoil it for forked processes
    name, reason = choose(settings.engine, gguf, cuda=cuda, elsewhere=endpoint is not None)
    if settings.zero_gpu and name == "transformers":
        name, reason = "zerogpu", "this Space has ZeroGPU"
    log.info("Serving %s with %s: %s.", settings.model, name, reason)
    if name == "openai" and endpoint is not None:
        return _openai(settings.model, endpoint)
    loaders = {"llamacpp": _llamacpp, "zerogpu": _zerogpu}
    return loaders.get(name, _transformers)(settings)


def choose(wanted: str, gguf: Path | None, *, cuda: bool, elsewhere: bool) -> tuple[str, str]:
    """Return an engine's name and the reason; `elsewhere` is whether another server is named."""
    if wanted != "auto":
        return wanted, "HITL_ENGINE says so"
    if elsewhere:
        return "openai", "HITL_OPENAI_URL is set"
    if cuda:
        return "transformers", "this machine has a CUDA device"
    if gguf is None:
        return "transformers", "the model has no GGUF file"
    if not _has_llamacpp():
        return "transformers", "xllamacpp isn't installed"
    return "llamacpp", "no CUDA device here, and the model has a GGUF file"


def _has_llamacpp() -> bool:
    return importlib.util.find_spec("xllamacpp") is not None


def has_cuda() -> bool:
    """Ask the driver itself whether there is a device that this process may use."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return (
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
    )


def _openai(model: str, endpoint: Endpoint) -> Engine:
    from hitl_chat.engines.openai import OpenAiEngine  # noqa: PLC0415
    from hitl_chat.engines.refusals import ServerSilent  # noqa: PLC0415

    try:
        return OpenAiEngine(model, endpoint)
    except ServerSilent as error:
        raise SettingsError(
            f"HITL_OPENAI_URL has value '{endpoint.url}', where no server answers ({error}). "
            "Start it first, or correct the address."
        ) from error


def _llamacpp(settings: Settings) -> Engine:
    gguf = locate(settings.model)
    if gguf is None:
        raise SettingsError(
            f"Model '{settings.model}' has no GGUF file, which llamacpp needs. "
            "Set HITL_ENGINE to transformers, or HITL_MODEL to a folder that holds one."
        )
    if not _has_llamacpp():
        raise SettingsError(
            "HITL_ENGINE is llamacpp, but xllamacpp isn't installed. "
            "Run: pip install -r requirements.txt"
        )
    from hitl_chat.engines.apart import LoadFailed  # noqa: PLC0415
    from hitl_chat.engines.llamacpp import LlamaCppEngine  # noqa: PLC0415

    try:
        return LlamaCppEngine(settings.model, read(gguf), settings.max_new_tokens)
    except (GgufError, LoadFailed) as error:
        raise SettingsError(
            f"{gguf} can't be served by llamacpp ({error}). Set HITL_ENGINE to transformers."
        ) from error


def _transformers(settings: Settings) -> Engine:
    from hitl_chat.engines.transformers import TransformersEngine  # noqa: PLC0415

    return TransformersEngine(_base(settings))


def _zerogpu(settings: Settings) -> Engine:
    try:
        import spaces  # noqa: PLC0415 - before anything loads a model: it makes torch pretend a GPU
    except ImportError as error:
        raise SettingsError(
            f"This Space has ZeroGPU, but the package spaces can't be imported ({error}). "
            "Set sdk to gradio in the head of README.md, which brings it."
        ) from error
    from hitl_chat.engines.lent import seconds  # noqa: PLC0415
    from hitl_chat.engines.zerogpu import ZeroGpuEngine  # noqa: PLC0415

    return ZeroGpuEngine(_base(settings), spaces.GPU(duration=seconds))


def _base(settings: Settings) -> "Base":
    from training.base import ModelMissing, load_base  # noqa: PLC0415

    try:
        return load_base(settings.model, settings.home)
    except ModelMissing as error:
        raise SettingsError(str(error)) from error
