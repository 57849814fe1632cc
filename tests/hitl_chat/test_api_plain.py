"""Plain HTTP beside the endpoints: beacons, and who and what is refused."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from gradio_client import Client

from hitl_chat.identity import Identity
from storage.models import Signal
from tests.hitl_chat.calls import chat, rows
from tests.server import Server, get

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
PASSWORD = "let me in"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("plain") / "data"
    server = Server(folder, HITL_ADMIN_PASSWORD=PASSWORD, SCRIPTED_DELAY="0").start()
    yield server
    assert server.end() == 0


def post(url: str, body: bytes, **headers: str) -> int:
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_beacon_is_taken_once_and_only_for_ones_own_answers(
    server: Server,
) -> None:
    client = Client(server.url, verbose=False)
    started = client.predict(api_name="/start")
    mine = chat(client, started, "look at me")["message"]
    other = chat(client, client.predict(api_name="/start"), "not mine")["message"]
    identity = Identity(b"test secret")
    page = identity.sign_page(identity.verify_rater(started["token"]))
    dwell = {mine: 60_000_000, other: 500}
    body = json.dumps({"token": page, "seq": 1, "dwell": dwell, "events": []}).encode()
    assert [post(f"{server.url}/signals", body) for _ in range(2)] == [204, 204]
    seen = [row for row in rows(server, Signal) if row.kind == "dwell_ms"]
    assert [row.message_id for row in seen if row.message_id in dwell] == [mine]
    assert all(row.amount < 60_000 for row in seen)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 400),
        (b"not json", 400),
        (b'{"token": "forged.token", "seq": 1}', 403),
        (b"[" * 60_000, 400),
        (b" " * 70_000, 413),
    ],
)
def test_a_bad_beacon_gets_a_4xx(server: Server, body: bytes, status: int) -> None:
    assert post(f"{server.url}/signals", body) == status


def test_another_sites_page_is_refused(server: Server) -> None:
    body = b'{"data": []}'
    url, kind = f"{server.url}/gradio_api/run/start", {"Content-Type": "application/json"}
    assert post(url, body, Origin="https://evil.example", **kind) == 403
    assert post(url, body, **{"Sec-Fetch-Site": "cross-site"}, **kind) == 403
    assert post(url, body, Origin=server.url, **kind) == 200


def test_a_body_that_is_too_big_is_refused(server: Server) -> None:
    body = json.dumps({"data": ["x" * 400_000]}).encode()
    url = f"{server.url}/gradio_api/run/start"
    assert post(url, body, **{"Content-Type": "application/json"}) == 413


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload",
        "/gradio_api/upload?upload_id=1",
        "/gradio_api/upload/",
        "/gradio_api/upload%0A",
        "/admin/gradio_api/upload",
        "/gradio_api/process_recording",
    ],
)
def test_nobody_leaves_a_file_here(server: Server, path: str) -> None:
    parts = [
        "--cut",
        'Content-Disposition: form-data; name="files"; filename="a"',
        "",
        "a",
        "--cut--",
    ]
    body = "\r\n".join([*parts, ""]).encode()
    kind = {"Content-Type": "multipart/form-data; boundary=cut"}
    assert post(f"{server.url}{path}", body, **kind) == 404


@pytest.mark.parametrize(
    "path",
    [
        "file=https://evil.example/a.png",
        "file=https:%2F%2Fevil.example/a.png",
        "file/http://evil.example/a.png",
        "proxy=https://evil.example/a.png",
    ],
)
def test_nothing_from_another_server_is_handed_out_as_ours(server: Server, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        get(f"{server.url}/gradio_api/{path}")
    assert error.value.code == 404
    error.value.close()


def test_no_file_is_fetched_for_who_sends_its_address(server: Server) -> None:
    file = {"path": f"{server.url}/healthz", "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [{"deep": [file]}]}).encode()
    url = f"{server.url}/gradio_api/run/mine"
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, kind)  # noqa: S310 - our own server
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 - our own server
    with error.value as answer:
        assert "No files are taken here." in answer.read().decode()


def test_every_answer_carries_the_security_headers(server: Server) -> None:
    with get(f"{server.url}/healthz") as response:
        assert json.load(response) == {"ok": True, "version": "base"}
        assert "img-src 'self' data:" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"


def test_the_data_folder_is_not_served(server: Server) -> None:
    path = server.home.folder / "feedback.db"
    assert path.exists()
    with pytest.raises(urllib.error.HTTPError) as error:
        get(f"{server.url}/gradio_api/file={path}")
    assert error.value.code in (403, 404)
    error.value.close()


def test_the_owners_page_wants_the_password(server: Server) -> None:
    with get(f"{server.url}/admin/") as response:
        assert '"auth_required":true' in response.read().decode().replace(" ", "")
    login = f"{server.url}/admin/login"
    assert post(login, b"username=me&password=guess") == 400
    assert post(login, b"username=me&password=let+me+in") == 200
