import threading
import time

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


def test_one_that_never_began_can_be_closed() -> None:
    Lookout("test", lambda: None, every=1).close()
