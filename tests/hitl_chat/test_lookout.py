import threading
import time

import pytest

from hitl_chat.lookout import Lookout


def test_it_looks_again_and_again_until_it_is_closed() -> None:
    looks = list[int]()
    enough = threading.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            enough.set()

    lookout = Lookout("test", look, every=0.001)
    assert not looks
    lookout.start()
    assert enough.wait(10)
    lookout.close()
    seen = len(looks)
    time.sleep(0.02)
    assert len(looks) == seen


def test_a_look_that_fails_is_told_and_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    looks = list[int]()
    enough = threading.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise OSError(116, "Stale file handle")
        enough.set()

    lookout = Lookout("test", look, every=0.001)
    lookout.start()
    assert enough.wait(10)
    lookout.close()
    assert "Stale file handle" in caplog.text


def test_what_fails_again_and_again_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    looks = list[int]()
    enough = threading.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            enough.set()
        raise OSError(116, "Stale file handle")

    lookout = Lookout("test", look, every=0.001)
    lookout.start()
    assert enough.wait(10)
    lookout.close()
    assert len(caplog.records) == 1


def test_one_that_never_began_can_be_closed() -> None:
    Lookout("test", lambda: None, every=1).close()
