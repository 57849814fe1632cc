"""A stand-in for the Hub: as much of its HTTP as data sets and models need, in memory.

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
LARGE = (".db", ".parquet", ".safetensors")
Files = dict[str, bytes]


class Hub:
    """What the stand-in holds, and how it behaves. Repositories go by `datasets/me/x`, `models/me/x`."""

    def __init__(self, *, takes_lfs: bool) -> None:
        self.url = ""
        self.files: dict[str, Files] = {}
        """What each repository holds now."""
        self.history: dict[str, list[Files]] = {}
        """What it held after each commit that it remembers."""
        self.objects: dict[str, bytes] = {}
        """Large files by their SHA-256, of all repositories."""
        self.private: dict[str, bool] = {}
        self.commits = 0
        self.takes_lfs = takes_lfs  # asked of clients without Xet, which only the Hub speaks
        self._refusals: list[tuple[str, int, dict[str, str]]] = []

    def refuse(self, part: str, status: int, times: int = 1, after: str = "") -> None:
        """Answer the next requests whose path holds `part` with this status."""
        headers = {"Retry-After": after} if after else {}
        self._refusals += [(part, status, headers)] * times

    def remembers(self, word: bytes) -> bool:
        """Tell whether a word is left anywhere, old commits included."""
        commits = [files for all_of_one in self.history.values() for files in all_of_one]
        return any(word in raw for files in [*commits, self.objects] for raw in files.values())

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Return a status, headers, and what to say: JSON, or bytes."""
        for refusal in self._refusals:
            if refusal[0] in path:
                self._refusals.remove(refusal)
                return refusal[1], refusal[2], {"error": "too much"}
        status, said = self._do(path, body)
        return status, {}, said

    def _do(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        found = re.fullmatch(r"/api/((?:datasets|models)/[^/]+/[^/]+)(?:/(.+))?", path)
        if found and found[1] in self.files:
            return self._in_repo(found[1], found[2] or "", body)
        return self._file(path, body)

    def _file(self, path: str, body: bytes) -> tuple[int, Any]:
        if path.startswith("/objects/"):
            self.objects[path.removeprefix("/objects/")] = body
            return 200, {}
        if path.endswith(".git/info/lfs/objects/batch"):
            return 200, self._batch(json.loads(body))
        found = re.fullmatch(r"/(datasets/[^/]+/[^/]+)/resolve/\w+/(.+)", path)
        raw = self.files.get(found[1], {}).get(found[2]) if found else None
        return (404, {"error": "Repository not found"}) if raw is None else (200, raw)

    def _in_repo(self, repo: str, what: str, body: bytes) -> tuple[int, Any]:
        if what.startswith("preupload/"):
            return 200, {"files": [self._mode(one["path"]) for one in json.loads(body)["files"]]}
        if what.startswith("commit/"):
            return 200, self._commit(repo, body)
        if what.startswith("tree/"):
            return 200, [self._entry(path, raw) for path, raw in sorted(self.files[repo].items())]
        if what.startswith("super-squash/"):
            self.history[repo] = self.history[repo][-1:]
            return 200, {}
        if what.startswith("lfs-files"):
            return 200, self._objects(what, body)
        return 200, self._info(repo)

    def _objects(self, what: str, body: bytes) -> list[dict[str, Any]]:
        if what == "lfs-files/batch":
            for oid in json.loads(body)["deletions"]["sha"]:
                del self.objects[oid]
        return [_object(oid, raw) for oid, raw in self.objects.items()]

    def _create(self, wanted: dict[str, Any]) -> tuple[int, Any]:
        name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
        repo = f"{wanted.get('type', 'model')}s/{name}"
        address = {"url": f"{self.url}/{repo.removeprefix('models/')}", "name": name}
        if repo in self.files:
            return 409, {"error": "You already created this repo", **address}
        self.files[repo], self.history[repo] = {}, []
        self.private[repo] = bool(wanted.get("private") or wanted.get("visibility") == "private")
        return 200, address

    def _info(self, repo: str) -> dict[str, Any]:
        return {
            "id": repo.split("/", 1)[1],
            "_id": "0" * 24,
            "sha": "0" * 40,
            "private": self.private[repo],
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": name} for name in self.files[repo]],
        }

    def _mode(self, path: str) -> dict[str, Any]:
        mode = "lfs" if self._is_large(path) else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False}

    def _entry(self, path: str, raw: bytes) -> dict[str, Any]:
        entry = {"type": "file", "path": path, "size": len(raw), "oid": "0" * 40}
        lfs = {"oid": _sha(raw), "size": len(raw), "pointerSize": 100}
        return {**entry, "lfs": lfs} if self._is_large(path) else entry

    def _is_large(self, path: str) -> bool:
        return self.takes_lfs and path.endswith(LARGE)

    def _batch(self, wanted: dict[str, Any]) -> dict[str, Any]:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.url}/objects/{each['oid']}"}}}
            for each in wanted["objects"]
        ]
        return {"transfer": "basic", "objects": objects}

    def _commit(self, repo: str, body: bytes) -> dict[str, Any]:
        files = self.files[repo]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.commits += 1
        self.history[repo].append(dict(files))
        oid = f"{self.commits:040x}"
        return {"commitOid": oid, "commitUrl": f"{self.url}/{repo}/commit/{oid}"}


def _object(oid: str, raw: bytes) -> dict[str, Any]:
    known = {"fileOid": oid, "oid": oid, "filename": "", "size": len(raw), "ref": "main"}
    return {**known, "pushedAt": "2026-01-01T00:00:00.000Z"}


def _sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self._body()
        if path.startswith("/objects/") or TOKEN in self.headers.get("Authorization", ""):
            status, headers, said = self.hub.answer(path, body)
        else:
            status, headers, said = 401, {}, {"error": "Who are you?"}
        raw = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        about = {"Content-Type": "application/json", "X-Repo-Commit": "0" * 40}
        about |= {"Content-Length": str(len(raw)), "ETag": f'"{_sha(raw)}"'}
        for name, value in {**about, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - http.server wants these names

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(*, takes_lfs: bool = False) -> Iterator[Hub]:
    """Serve a stand-in on a free port."""
    hub = Hub(takes_lfs=takes_lfs)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
