"""Calls that tests of the app over HTTP have in common."""

from typing import Any

from gradio_client import Client
from sqlalchemy import select

from tests.server import Server


def chat(client: Client, started: dict[str, str], text: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.predict(
        started["token"], started["conversation"], text, api_name="/chat"
    )
    return answer


def rows(server: Server, kind: type[Any]) -> list[Any]:
    database = server.database()
    try:
        with database.read() as session:
            return list(session.scalars(select(kind)))
    finally:
        database.close()
