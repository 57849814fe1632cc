import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hitl_chat.trainer import Trainer

UNTIL_THE_PIPE_CLOSES = "import sys; sys.stdin.buffer.read()"


def eventually(claim: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, "it never became true"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def nobody() -> bool:
    return False


@contextmanager
def running(code: str, env: dict[str, str] | None = None) -> Iterator[Trainer]:
    trainer = Trainer({**os.environ, **(env or {})}, nobody, (sys.executable, "-c", code), 0.05)
    trainer.start()
    try:
        yield trainer
    finally:
        trainer.close()


def test_a_killed_trainer_starts_again() -> None:
    with running(UNTIL_THE_PIPE_CLOSES) as trainer:
        eventually(lambda: trainer.pid)
        first = trainer.pid
        assert first
        os.kill(first, signal.SIGKILL)
        eventually(lambda: trainer.pid not in {None, first})


def test_a_trainer_leaves_the_processor_to_chat_from_its_first_moment() -> None:
    with running(UNTIL_THE_PIPE_CLOSES) as trainer:
        eventually(lambda: trainer.pid)
        pid = trainer.pid
        assert pid
        eventually(lambda: os.getpriority(os.PRIO_PROCESS, pid) == 19)


def test_a_closed_trainer_is_gone_and_stays_gone() -> None:
    with running(UNTIL_THE_PIPE_CLOSES) as trainer:
        eventually(lambda: trainer.pid)
        pid = trainer.pid
        assert pid
        trainer.close()
        assert trainer.pid is None
        assert gone(pid)


def test_a_trainer_ends_when_the_chat_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    chat = (
        "import os, sys, time\n"
        "from hitl_chat.trainer import Trainer\n"
        f"t = Trainer(os.environ, lambda: False, (sys.executable, '-c', {UNTIL_THE_PIPE_CLOSES!r}))\n"
        "t.start()\n"
        "while not t.pid: time.sleep(0.01)\n"
        f"open({str(note)!r}, 'w').write(str(t.pid))\n"
        "time.sleep(60)\n"
    )
    with running(chat) as parent:  # the chat process of this test is itself a child
        eventually(lambda: note.exists() and note.read_text())
        trained = int(note.read_text())
        assert parent.pid
        os.kill(parent.pid, signal.SIGKILL)
        eventually(lambda: gone(trained))


def test_the_trainer_sees_the_settings_and_the_code(tmp_path: Path) -> None:
    out = tmp_path / "seen"
    code = (
        "import os, storage.home\n"
        f"open({str(out)!r}, 'w').write(os.environ['HITL_DATA_DIR'])\n" + UNTIL_THE_PIPE_CLOSES
    )
    with running(code, {"HITL_DATA_DIR": "elsewhere"}):
        eventually(lambda: out.exists() and out.read_text() == "elsewhere")


def test_a_trainer_that_the_machine_has_no_room_for_is_started_later(tmp_path: Path) -> None:
    """As at EAGAIN or ENOMEM: here the program isn't there yet."""
    program = tmp_path / "program"
    trainer = Trainer(os.environ, nobody, (str(program),), 0.05)
    trainer.start()
    time.sleep(0.1)
    (tmp_path / "new").write_text(f"#!{sys.executable}\n{UNTIL_THE_PIPE_CLOSES}\n")
    (tmp_path / "new").chmod(0o700)
    (tmp_path / "new").rename(program)
    eventually(lambda: trainer.pid)
    trainer.close()


def test_closing_before_the_start_is_harmless() -> None:
    Trainer({}, nobody, ("false",)).close()


def test_while_another_process_trains_none_is_started_and_then_one_is() -> None:
    looks: list[bool] = []

    def taken() -> bool:
        looks.append(len(looks) < 1)
        return looks[-1]

    trainer = Trainer(os.environ, taken, (sys.executable, "-c", UNTIL_THE_PIPE_CLOSES))
    trainer.start()
    eventually(lambda: looks)
    assert trainer.pid is None
    eventually(lambda: trainer.pid)
    assert looks == [True, False]
    trainer.close()


def test_one_that_stands_by_can_be_closed() -> None:
    trainer = Trainer({}, lambda: True, ("false",))
    trainer.start()
    trainer.close()
    assert trainer.pid is None
