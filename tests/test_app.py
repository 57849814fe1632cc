import socket
from pathlib import Path

import pytest

from app import main
from tests.server import Server


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"HITL_ENGINE": "magic"}, "HITL_ENGINE has value 'magic'. Use one of"),
        ({"GRADIO_SERVER_PORT": "http"}, "GRADIO_SERVER_PORT has value 'http'."),
        ({"HITL_TRAIN_AFTER": "many"}, "HITL_TRAIN_AFTER has value 'many'."),
        ({"HITL_DATA_DIR": "/proc/nothing"}, "Data folder /proc/nothing can't be written"),
        ({"HITL_MODEL": "/no/such/model"}, "/no/such/model"),
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
