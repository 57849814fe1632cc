"""The Hub's HTTP API as far as a push needs it, on this machine. Keeps what it is given."""

import base64
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Hub:
    """Repositories by their path on the Hub; `refuse` makes it say no for a while."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.commits = 0
        self.takes_lfs = False  # asked of clients without Xet, which only the Hub speaks
        self.tokens: set[str | None] = set()
        self._objects: dict[str, bytes] = {}
        self._refusals: list[tuple[str, int, dict[str, str]]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub._answer(self)

            do_POST = do_PUT = do_GET  # noqa: N815 - http.server's names

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def refuse(self, part: str, status: int, times: int = 1, after: str = "") -> None:
        """Answer the next requests whose path holds `part` with this status."""
        headers = {"Retry-After": after} if after else {}
        self._refusals += [(part, status, headers)] * times

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.tokens.add(request.headers.get("Authorization"))
        headers: dict[str, str] = {}
        answer: Any = {}
        for refusal in self._refusals:
            if refusal[0] in request.path:
                self._refusals.remove(refusal)
                _, status, headers = refusal
                break
        else:
            status, answer = self._do(request.path.split("?")[0], body)
        text = json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(text)

    def _do(self, path: str, body: bytes) -> tuple[int, Any]:
        if path.startswith("/objects/"):
            self._objects[path.removeprefix("/objects/")] = body
            return 200, {}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.endswith(".git/info/lfs/objects/batch"):
            return 200, self._batch(json.loads(body))
        return self._in_repo(path, body)

    def _in_repo(self, path: str, body: bytes) -> tuple[int, Any]:
        found = re.fullmatch(r"/api/((?:datasets|models)/[^/]+/[^/]+)(/.*)?", path)
        if not found or found[1] not in self.files:
            return 404, {"error": "Repository not found"}
        repo, what = found[1], found[2] or ""
        if what.startswith("/preupload/"):
            return 200, {"files": [self._mode(file["path"]) for file in json.loads(body)["files"]]}
        if what.startswith("/commit/"):
            return 200, self._commit(repo, body)
        return 200, self._info(repo)

    def _create(self, wanted: dict[str, Any]) -> tuple[int, Any]:
        owner = f"{wanted['organization']}/" if wanted.get("organization") else ""
        repo = f"{wanted.get('type', 'model')}s/{owner}{wanted['name']}"
        address = {"url": f"{self.address}/{repo.removeprefix('models/')}"}
        if repo in self.files:
            return 409, {"error": "You already created this repo", **address}
        self.files[repo] = {}
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
        large = self.takes_lfs and path.endswith((".parquet", ".safetensors"))
        return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}

    def _batch(self, wanted: dict[str, Any]) -> dict[str, Any]:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.address}/objects/{each['oid']}"}}}
            for each in wanted["objects"]
        ]
        return {"transfer": "basic", "objects": objects}

    def _commit(self, repo: str, body: bytes) -> dict[str, Any]:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[repo][value["path"]] = self._objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del self.files[repo][value["path"]]
        self.commits += 1
        return {"commitUrl": f"{self.address}/{repo}/commit/{'0' * 40}", "commitOid": "0" * 40}
