import os
import signal
import subprocess
import sys

import pytest

from benchmarks.running import ANSWERS, ROOT, Running

SERVING = """
import os, sys
from benchmarks.running import serving
SERVER = "import http.server, os; port = int(os.environ['GRADIO_SERVER_PORT']); " \\
    "http.server.HTTPServer(('127.0.0.1', port), http.server.SimpleHTTPRequestHandler).serve_forever()"
with serving(os.environ, (sys.executable, "-c", SERVER), health="/") as app:
    print(app.pid, flush=True)
    sys.stdin.read()
"""


def test_a_benchmark_that_is_terminated_leaves_no_server_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVING],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as benchmark:
        assert benchmark.stdout
        server = int(benchmark.stdout.readline())
        os.kill(server, 0)  # it is there
        benchmark.terminate()
        assert benchmark.wait(30) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what others hold")
def test_memory_is_counted_with_the_process_that_answers_and_without_others() -> None:
    wait = "import sys; print(flush=True); sys.stdin.read()"
    begin = "import subprocess, sys; one = subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]]); one.wait()"
    held = []
    for name in (ANSWERS, "training.worker"):
        with subprocess.Popen(
            [sys.executable, "-c", begin, wait, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as app:
            assert app.stdout
            app.stdout.readline()
            held.append(Running("", app.pid).resident_mb() or 0)
            app.communicate()
    assert held[0] > 1.5 * held[1] > 0
