import json
import os
import random
from pathlib import Path

import pytest

from benchmarks.killing import killing
from storage.home import Home


def test_no_acknowledged_rating_is_lost_to_kill_9(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    env = {
        "HITL_DATA_DIR": str(tmp_path),
        "HITL_TRAINER": "off",
        "HITL_PERSON_LIMIT": "0",
        "SCRIPTED_DELAY": "0",
    }
    killing({**os.environ, **env}, Home.from_env(env), 2, random.Random(0))
    told = json.loads(capfd.readouterr().out)
    assert told["acknowledged"] > 0
    assert (told["lost"], told["missing_in_backups"], told["failed_backups"]) == (0, 0, [])
