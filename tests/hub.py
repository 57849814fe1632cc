"""A stand-in for the Hub: as much of its HTTP as data sets need, files in memory.

Give its address to a process as HF_ENDPOINT. It can be told to refuse, as the Hub does under load.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_known_to_tests_only"


class Hub:
    """What the stand-in holds, and how it behaves."""

    def __init__(self) -> None:
        self.url = ""
        self.repos: dict[str, dict[str, bytes]] = {}
        """Files by path, of each data set."""
        self.public: set[str] = set()
        """Data sets that were not made private."""
        self.commits = 0
        self.refusals: list[int] = []
        """Statuses that the next commits get instead."""
        self._objects: dict[str, bytes] = {}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Return a status with what to say: JSON, or bytes."""
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        name = path.removeprefix("/api/datasets/")
        if name in self.repos:
            return 200, {"id": name, "private": name not in self.public}
        match = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(\w+)/(.+)", path)
        if match and match[1] in self.repos:
            return self._about(self.repos[match[1]], match[2], body)
        return self._file(path, body)

    def _file(self, path: str, body: bytes) -> tuple[int, Any]:
        if match := re.fullmatch(r"/lfs/(\w+)", path):
            self._objects[match[1]] = body
            return 200, {}
        if re.fullmatch(r"/datasets/.+\.git/info/lfs/objects/batch", path):
            return 200, self._uploads(json.loads(body))
        match = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/\w+/(.+)", path)
        found = self.repos.get(match[1], {}).get(match[2]) if match else None
        return (404, {}) if found is None else (200, found)

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        known = name in self.repos
        self.repos.setdefault(name, {})
        if not known and not asked.get("private") and asked.get("visibility") != "private":
            self.public.add(name)
        return (409 if known else 200), {"url": f"{self.url}/datasets/{name}", "name": name}

    def _uploads(self, asked: dict[str, Any]) -> dict[str, Any]:
        places = [
            {**one, "actions": {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        return {"transfer": "basic", "objects": places}

    def _about(self, files: dict[str, bytes], what: str, body: bytes) -> tuple[int, Any]:
        if what == "tree":
            return 200, [
                {"type": "file", "path": path, "size": len(raw), "oid": _sha(raw)}
                for path, raw in sorted(files.items())
            ]
        if what == "preupload":
            asked = json.loads(body)["files"]
            rule = {"uploadMode": "lfs", "shouldIgnore": False}
            return 200, {"files": [{"path": one["path"], **rule} for one in asked]}
        if what == "commit":
            if self.refusals:
                return self.refusals.pop(0), {"error": "too much"}
            return 200, self._commit(files, body)
        return 404, {}

    def _commit(self, files: dict[str, bytes], body: bytes) -> dict[str, Any]:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "lfsFile":
                files[value["path"]] = self._objects[value["oid"]]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.commits += 1
        oid = f"{self.commits:040x}"
        return {"commitOid": oid, "commitUrl": f"{self.url}/datasets/me/x/commit/{oid}"}


def _sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve a stand-in on a free port."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            path = unquote(urlsplit(self.path).path)
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b"".join(self._chunks())
            status, said = hub.answer(self.command, path, body)
            if not path.startswith("/lfs/") and TOKEN not in self.headers.get("Authorization", ""):
                status, said = 401, {"error": "Who are you?"}
            raw = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{_sha(raw)}"')
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(raw)

        def _chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - http.server wants these names

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
