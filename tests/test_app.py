import socket
import subprocess
import sys
from pathlib import Path

import pytest
from gradio_client import Client

from app import main
from tests import llama
from tests.server import Server


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"HITL_ENGINE": "magic"}, "HITL_ENGINE has value 'magic'. Use one of"),
        ({"GRADIO_SERVER_PORT": "http"}, "GRADIO_SERVER_PORT has value 'http'."),
        ({"HITL_TRAIN_AFTER": "many"}, "HITL_TRAIN_AFTER has value 'many'."),
        ({"HITL_DATA_DIR": "/proc/nothing"}, "Data folder /proc/nothing can't be written"),
        ({"HITL_SNAPSHOT_REPO": "kept"}, "HITL_SNAPSHOT_REPO has value 'kept'. Use user/name"),
        ({"HITL_MODEL": "/no/such/model"}, "/no/such/model"),
        ({"HITL_OPENAI_URL": "http://127.0.0.1:9/v1"}, "where no server answers"),
    ],
)
def test_a_bad_setting_gets_one_clear_line_and_exit_status_2(
    env: dict[str, str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"HITL_DATA_DIR": str(tmp_path / "data"), **env}) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert line in said[-1]


def test_a_port_that_is_taken_gets_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = Server(tmp_path / "data", GRADIO_SERVER_PORT=port)
        with pytest.raises(RuntimeError):
            server.start()
    assert server.log.splitlines()[-1].startswith(f"Port {port} of 127.0.0.1 can't be used.")


def test_the_chat_process_asks_what_the_reward_head_doubts_without_torch() -> None:
    line = "import sys, app; print('training.doubt' in sys.modules, 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert said.stdout == "True False\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_another_servers_model_is_chatted_with_and_rated_and_nothing_is_trained(
    tiny_model: Path, tmp_path: Path
) -> None:
    with llama.serving(tiny_model / "tiny.gguf") as endpoint:
        server = Server(
            tmp_path / "data",
            module="app",
            HITL_TRAINER="on",
            HITL_MAX_NEW_TOKENS="40",
            HITL_OPENAI_URL=endpoint.url,
            HITL_OPENAI_KEY=endpoint.key,
        ).start()
        client = Client(server.url, verbose=False)
        me = client.predict(api_name="/start")
        answer = client.predict(me["token"], me["conversation"], "Hi", api_name="/chat")
        client.predict(me["token"], answer["message"], 1, api_name="/rate")
        status = client.predict(api_name="/status")
        assert server.end() == 0
    assert answer["done"]
    assert answer["text"]
    assert (answer["version"], status["version"]) == ("base", "base")
    assert status["feedback"]["total"] == 1
    assert status["next_training"]["trainer"] == "off"
    assert "Serving smollm2 with openai: HITL_OPENAI_URL is set." in server.log
    assert "The trainer stays off: what serves takes no adapters." in server.log
    assert endpoint.key not in server.log
