import os
import signal
import subprocess
import sys

import pytest

from benchmarks.running import ROOT

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
