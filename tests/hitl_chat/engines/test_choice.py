import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hitl_chat.engines.choice import choose, has_cuda, load
from hitl_chat.settings import Settings, SettingsError
from tests.standin import StandIn

SOME = Path("model.gguf")


@pytest.mark.parametrize(
    ("machine", "name", "reason"),
    [
        ({"wanted": "auto", "gguf": SOME, "cuda": False}, "llamacpp", "no CUDA device"),
        ({"wanted": "auto", "gguf": SOME, "cuda": True}, "transformers", "has a CUDA device"),
        ({"wanted": "auto", "gguf": None, "cuda": False}, "transformers", "no GGUF"),
        ({"wanted": "llamacpp", "gguf": None, "cuda": True}, "llamacpp", "HITL_ENGINE"),
        ({"wanted": "transformers", "gguf": SOME, "cuda": False}, "transformers", "HITL_ENGINE"),
        (
            {"wanted": "auto", "gguf": SOME, "cuda": True, "elsewhere": True},
            "openai",
            "HITL_OPENAI_URL is set",
        ),
        (
            {"wanted": "llamacpp", "gguf": SOME, "cuda": False, "elsewhere": True},
            "llamacpp",
            "HITL_ENGINE",
        ),
    ],
)
def test_the_choice_has_a_reason(machine: dict[str, Any], name: str, reason: str) -> None:
    chosen, why = choose(**{"elsewhere": False, **machine})
    assert chosen == name
    assert reason in why


def settings(tmp_path: Path, **env: str) -> Settings:
    return Settings.from_env({"HITL_DATA_DIR": str(tmp_path / "data"), **env})


@pytest.mark.parametrize("engine", ["auto", "llamacpp", "transformers"])
def test_what_serves_is_said_in_one_line(
    tmp_path: Path, tiny_model: Path, caplog: pytest.LogCaptureFixture, engine: str
) -> None:
    caplog.set_level(logging.INFO)
    loaded = load(settings(tmp_path, HITL_MODEL=str(tiny_model), HITL_ENGINE=engine))
    loaded.close()
    other = "transformers" if has_cuda() else "llamacpp"
    assert loaded.name == (other if engine == "auto" else engine)
    assert loaded.base == str(tiny_model)
    (line,) = [r.message for r in caplog.records if r.name == "hitl_chat.engines.choice"]
    assert line.startswith(f"Serving {tiny_model} with {loaded.name}: ")


@pytest.mark.parametrize("engine", ["auto", "openai"])
def test_a_server_elsewhere_serves_where_one_is_named(
    tmp_path: Path, stand_in: Callable[[str], StandIn], engine: str
) -> None:
    endpoint = stand_in("vllm").endpoint
    loaded = load(
        settings(
            tmp_path,
            HITL_ENGINE=engine,
            HITL_OPENAI_URL=endpoint.url,
            HITL_OPENAI_KEY=endpoint.key,
        )
    )
    loaded.close()
    assert (loaded.name, loaded.base, loaded.adapts) == ("openai", "smollm2", True)


def test_a_server_that_does_not_answer_is_named_with_its_mend(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/v1"
    with pytest.raises(SettingsError, match=f"HITL_OPENAI_URL has value '{url}', where no server"):
        load(settings(tmp_path, HITL_OPENAI_URL=url))


@pytest.mark.parametrize("engine", ["auto", "transformers"])
def test_on_zero_gpu_answers_are_lent_one(
    tmp_path: Path, tiny_model: Path, caplog: pytest.LogCaptureFixture, engine: str
) -> None:
    caplog.set_level(logging.INFO)
    env = {"SPACES_ZERO_GPU": "true", "HITL_MODEL": str(tiny_model), "HITL_ENGINE": engine}
    loaded = load(settings(tmp_path, **env))
    loaded.close()
    assert (loaded.name, loaded.adapts) == ("zerogpu", True)
    assert f"Serving {tiny_model} with zerogpu: this Space has ZeroGPU." in caplog.text


def test_a_model_without_gguf_can_not_be_served_by_llamacpp(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has no GGUF file"):
        load(settings(tmp_path, HITL_MODEL="gpt2", HITL_ENGINE="llamacpp"))


def test_a_broken_gguf_is_named_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"junk")
    with pytest.raises(SettingsError, match=r"model\.gguf can't be served by llamacpp"):
        load(settings(tmp_path, HITL_MODEL=str(tmp_path), HITL_ENGINE="llamacpp"))


def test_a_model_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'/no/such/model' can't be loaded"):
        load(settings(tmp_path, HITL_MODEL="/no/such/model"))
