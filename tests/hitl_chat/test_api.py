import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from hitl_chat.pacing import SHORTEST
from storage.models import Feedback, Message
from tests.conftest import either
from tests.hitl_chat.calls import chat, rows
from tests.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
PASSWORD = "let me in"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("api") / "data"
    env = {"HITL_ADMIN_PASSWORD": PASSWORD, "HITL_DATABASE_URL": either(request)}
    server = Server(folder, SCRIPTED_DELAY="0.03", **env).start()
    yield server
    assert server.end() == 0


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


@pytest.fixture
def started(client: Client) -> dict[str, str]:
    started: dict[str, str] = client.predict(api_name="/start")
    return started


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(AppError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_answer_streams_and_ends_done(client: Client, started: dict[str, str]) -> None:
    text = " ".join(map(str, range(20)))
    job = client.submit(started["token"], started["conversation"], text, api_name="/chat")
    drafts = list(job)
    assert drafts[0]["text"] == ""
    assert len(drafts) >= 4
    assert [draft["done"] for draft in drafts] == [False] * (len(drafts) - 1) + [True]
    assert drafts[-1]["text"] == f"Echo: {text}"
    assert {draft["version"] for draft in drafts} == {"base"}
    assert len({draft["message"] for draft in drafts}) == 1


def test_who_waits_is_told_how_many_come_first(tmp_path: Path) -> None:
    busy = Server(tmp_path / "data", SCRIPTED_DELAY="0.3", SCRIPTED_AHEAD="2").start()
    client = Client(busy.url, verbose=False)
    one = client.predict(api_name="/start")
    drafts = list(client.submit(one["token"], one["conversation"], "Hi", api_name="/chat"))
    told = [draft.get("ahead") for draft in drafts]
    assert told[:3] == [2, 1, None]
    assert told[2:] == [None] * len(told[2:])
    assert busy.end() == 0


def test_updates_come_about_ten_times_a_second(client: Client, started: dict[str, str]) -> None:
    text = " ".join(map(str, range(33)))  # about a second at 0.03 s a word, or more
    begun = time.monotonic()
    job = client.submit(started["token"], started["conversation"], text, api_name="/chat")
    always = 4  # the first two, the last one, and that it is done
    assert 5 <= len(list(job)) <= (time.monotonic() - begun) / SHORTEST + always


def test_several_people_are_answered_at_once(client: Client) -> None:
    people = [client.predict(api_name="/start") for _ in range(6)]
    jobs = [
        client.submit(one["token"], one["conversation"], f"person {place}", api_name="/chat")
        for place, one in enumerate(people)
    ]
    texts = [job.result(timeout=20)["text"] for job in jobs]
    assert texts == [f"Echo: person {place}" for place in range(6)]


def test_regenerating_makes_a_new_draft(client: Client, started: dict[str, str]) -> None:
    first = chat(client, started, "once")
    second = client.predict(started["token"], first["message"], api_name="/regenerate")
    assert second["done"]
    assert second["message"] != first["message"]


def test_a_rating_with_its_reasons_is_stored(
    server: Server, client: Client, started: dict[str, str]
) -> None:
    message = chat(client, started, "rate me")["message"]
    said = client.predict(started["token"], message, -1, ["Too long"], "much", api_name="/rate")
    assert said == {"ok": True}
    stored = [row for row in rows(server, Feedback) if row.message_id == message]
    assert [(r.value, r.reasons, r.comment) for r in stored] == [(-1, ["Too long"], "much")]


def test_reasons_and_comment_may_be_left_out(client: Client, started: dict[str, str]) -> None:
    message = chat(client, started, "rate me")["message"]
    for value in (1, 0):
        assert client.predict(started["token"], message, value, api_name="/rate") == {"ok": True}


def test_two_drafts_are_compared_and_one_chosen(
    server: Server, client: Client, started: dict[str, str]
) -> None:
    job = client.submit(started["token"], started["conversation"], "both", api_name="/compare")
    last = list(job)[-1]
    assert last["done"]
    better, worse = (draft["message"] for draft in last["drafts"])
    choice = (started["token"], better, worse, "better")
    assert client.predict(*choice, api_name="/choose") == {"ok": True}
    assert (better, worse) in [(r.message_id, r.other_id) for r in rows(server, Feedback)]


def test_an_edit_is_stored(server: Server, client: Client, started: dict[str, str]) -> None:
    message = chat(client, started, "edit me")["message"]
    edit = (started["token"], message, "what I wanted")
    assert client.predict(*edit, api_name="/edit") == {"ok": True}
    assert "what I wanted" in [row.text for row in rows(server, Feedback)]


def test_the_status_tells_version_counts_and_the_next_training(
    client: Client, started: dict[str, str]
) -> None:
    before = client.predict(api_name="/status")
    message = chat(client, started, "count me")["message"]
    client.predict(started["token"], message, 1, api_name="/rate")
    after = client.predict(api_name="/status")
    assert after["version"] == "base"
    assert after["feedback"]["total"] == before["feedback"]["total"] + 1
    assert after["next_training"]["trainer"] == "off"
    assert after["cycle"] is None


def test_an_export_needs_the_owners_password(client: Client) -> None:
    message = refusal(lambda: client.predict("jsonl", api_name="/export"))
    assert "X-Admin-Password" in message


def test_the_owner_exports_a_file(
    server: Server, client: Client, started: dict[str, str], tmp_path: Path
) -> None:
    message = chat(client, started, "export me")["message"]
    owner = Client(
        server.url,
        headers={"X-Admin-Password": PASSWORD},
        verbose=False,
        download_files=str(tmp_path),
    )
    file = owner.predict("jsonl", api_name="/export")
    path = Path(file["path"] if isinstance(file, dict) else file)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert message in json.dumps(records)
    assert "Unknown format 'csv'" in refusal(lambda: owner.predict("csv", api_name="/export"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "The message is empty."),
        ("x" * 100_000, "100,000 characters; the limit is 8,000"),
        (["a", "list"], "'text' must be a text."),
    ],
)
def test_bad_questions_get_one_clear_line(
    client: Client, started: dict[str, str], text: object, line: str
) -> None:
    asked = (started["token"], started["conversation"], text)
    assert line in refusal(lambda: client.predict(*asked, api_name="/chat"))


def test_ids_of_others_and_unknown_ids_look_the_same(
    client: Client, started: dict[str, str]
) -> None:
    message = chat(client, started, "mine")["message"]
    stranger = client.predict(api_name="/start")
    for unknown in (message, "0" * 32, "", "'; drop table messages"):
        rate = (stranger["token"], unknown, 1)
        assert refusal(lambda: client.predict(*rate, api_name="/rate")) == "No such message."  # noqa: B023
    theirs = (stranger["token"], started["conversation"], "hello")
    assert "No such conversation." in refusal(lambda: client.predict(*theirs, api_name="/chat"))


@pytest.mark.parametrize("token", ["", "forged.token", None, 7])
def test_a_bad_token_is_refused(client: Client, started: dict[str, str], token: object) -> None:
    asked = (token, started["conversation"], "hello")
    assert "token" in refusal(lambda: client.predict(*asked, api_name="/chat"))


@pytest.mark.parametrize(
    "given", [(5, [], ""), (True, [], ""), (1, "Too long", ""), (1, [3], ""), (1, [], None)]
)
def test_a_rating_that_makes_no_sense_is_refused(
    server: Server, client: Client, started: dict[str, str], given: tuple[Any, ...]
) -> None:
    message = chat(client, started, "rate me badly")["message"]
    refusal(lambda: client.predict(started["token"], message, *given, api_name="/rate"))
    assert message not in [row.message_id for row in rows(server, Feedback)]


def test_only_the_promised_endpoints_are_public(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    promised = [
        "start",
        "chat",
        "regenerate",
        "rate",
        "compare",
        "choose",
        "edit",
        "score",
        "again",
        "trace",
        "explain",
        "mine",
        "everything",
        "agree",
        "erase",
        "status",
        "export",
    ]
    assert sorted(named) == sorted(f"/{name}" for name in promised)


def test_an_answer_is_stored_when_the_server_is_told_to_end(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", SCRIPTED_DELAY="0.2").start()
    client = Client(server.url, verbose=False)
    started = client.predict(api_name="/start")
    long = " ".join(map(str, range(200)))
    job = client.submit(started["token"], started["conversation"], long, api_name="/chat")
    next(iter(job))
    while len(job.outputs()) < 3:  # the answer has begun
        pass
    assert server.end() == 0
    question, answer = rows(server, Message)
    assert question.text == long
    assert answer.text.startswith("Echo: 0")
    assert answer.stop_reason in ("closed", "stop")
    shutil.rmtree(tmp_path / "data")
