import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from hitl_chat.guard import HEADERS, Guard, Owner, OwnerOnly, Refused
from hitl_chat.limits import TooMuch

HERE = {"host": "localhost:7860"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens in these tests


def nowhere(connection: HTTPConnection) -> None:
    """As an address: this machine has none."""


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {request.method}")


def client(owner: Owner | None = None) -> TestClient:
    inside = Starlette(routes=[Route("/", hello)])
    routes = [
        Route("/", hello, methods=["GET", "POST"]),
        Mount("/admin", OwnerOnly(inside, owner or Owner(None, "127.0.0.1"), nowhere)),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)])
    return TestClient(app, base_url="http://chat.example")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://chat.example"},
        {"sec-fetch-site": "same-origin", "origin": "https://behind.a.proxy"},
        {"sec-fetch-site": "none"},
    ],
)
def test_the_own_page_and_programs_pass(headers: dict[str, str]) -> None:
    assert client().post("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://[bad"},
        {"origin": "http://chat.example.evil"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "https://other.example"},
    ],
)
def test_another_sites_page_is_refused(headers: dict[str, str]) -> None:
    assert client().post("/", headers=headers).status_code == 403


def test_a_link_from_another_site_may_be_followed() -> None:
    assert client().get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_every_answer_carries_the_headers() -> None:
    answer = client().get("/")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_with_a_password_only_the_password_counts() -> None:
    owner = Owner("geheim-ß", EVERYWHERE)
    owner.check({**HERE, "x-admin-password": "geheim-ß"})
    for headers in ({}, {"x-admin-password": "guess"}, {"x-admin-password": ""}):
        with pytest.raises(Refused, match="X-Admin-Password"):
            owner.check({**HERE, **headers})


def test_without_a_password_nobody_knows_it() -> None:
    assert not Owner(None, "127.0.0.1").knows("")
    assert not Owner("", "127.0.0.1").knows("")


def test_after_ten_wrong_passwords_an_address_waits_and_no_other_does() -> None:
    owner = Owner("secret", EVERYWHERE)
    for guess in range(10):
        assert not owner.knows(f"guess {guess}", "192.0.2.1")
    with pytest.raises(TooMuch, match="your address"):
        owner.knows("secret", "192.0.2.1")
    with pytest.raises(TooMuch, match="your address"):
        owner.check({**HERE, "x-admin-password": "secret"}, "192.0.2.1")
    assert owner.knows("secret", "192.0.2.2")


def test_the_right_password_and_none_at_all_are_no_guesses() -> None:
    owner = Owner("secret", EVERYWHERE)
    for _ in range(50):
        assert owner.knows("secret", "192.0.2.1")
        with pytest.raises(Refused):
            owner.check(HERE, "192.0.2.1")


def test_a_wrong_password_is_logged_and_what_it_was_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Owner("secret", EVERYWHERE).knows("almost", "192.0.2.1")
    assert len(caplog.records) == 1
    for private in ("secret", "almost", "192.0.2.1"):
        assert private not in caplog.text


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        (EVERYWHERE, HERE),
        ("127.0.0.1", {"host": "chat.example"}),
        ("127.0.0.1", {**HERE, "x-forwarded-for": "10.0.0.1"}),
        ("127.0.0.1", {"host": "[bad"}),
        ("127.0.0.1", {}),
    ],
)
def test_without_a_password_only_this_machine_is_the_owner(
    host: str, headers: dict[str, str]
) -> None:
    Owner(None, "127.0.0.1").check(HERE)
    with pytest.raises(Refused, match="HITL_ADMIN_PASSWORD"):
        Owner(None, host).check(headers)


@pytest.mark.parametrize("origin", ["https://chat.example", "null", "http://[bad"])
def test_what_a_page_from_elsewhere_asks_for_is_not_asked_on_this_machine(origin: str) -> None:
    """A proxy that names itself nowhere and puts its own target as Host, as nginx does by default."""
    owner = Owner(None, "127.0.0.1")
    assert owner.is_local({**HERE, "origin": "http://localhost:7860"})
    assert not owner.is_local({**HERE, "sec-fetch-site": "same-origin", "origin": origin})


def test_behind_a_proxy_nobody_is_the_owner_without_a_password() -> None:
    behind = Owner(None, "127.0.0.1", proxies=1)
    assert not behind.is_local(HERE)
    with pytest.raises(Refused, match="HITL_ADMIN_PASSWORD"):
        behind.check(HERE)
    assert client(behind).get("/admin/", headers=HERE).status_code == 403


def test_the_owners_page_without_a_password_is_for_this_machine() -> None:
    refused = client().get("/admin/")
    assert refused.status_code == 403
    assert "HITL_ADMIN_PASSWORD" in refused.text
    assert client().get("/admin/", headers=HERE).text == "hello GET"


def test_with_a_password_the_pages_own_login_decides() -> None:
    assert client(Owner("secret", EVERYWHERE)).get("/admin/").text == "hello GET"
