import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = "import os; from training.process import stand_back; stand_back(); print(os.nice(0))"


def test_a_training_process_gives_way_to_chat() -> None:
    """In a process of its own, as a priority that was given away can't be taken back."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "19\n"
