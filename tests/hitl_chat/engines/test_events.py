import pytest

from hitl_chat.engines.events import Events

STREAM = 'data: {"a": 1}\n\ndata: {"b": "über 🦊"}\n\ndata: [DONE]\n\n'.encode()
HEARD = ['{"a": 1}', '{"b": "über 🦊"}', "[DONE]"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_it_does_not_matter_where_the_stream_is_cut(size: int) -> None:
    events = Events()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert [data for piece in pieces for data in events.feed(piece)] == HEARD


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
def test_all_line_ends_are_known(ending: bytes) -> None:
    events = Events()
    stream = STREAM.replace(b"\n", ending)
    whole = [data for byte in stream for data in events.feed(bytes([byte]))]
    assert whole + events.end() == HEARD


def test_comments_and_other_fields_are_passed_over() -> None:
    stream = b": ping\n\nevent: message\nid: 7\nretry: 10\ndata:{}\n\n:data: no\n"
    assert Events().feed(stream) == ["{}"]


def test_an_event_without_an_empty_line_behind_it_is_one() -> None:
    assert Events().feed(b"data: {}\ndata: []\n") == ["{}", "[]"]


def test_a_last_line_without_an_end_is_an_event() -> None:
    events = Events()
    assert events.feed(b"data: [DONE]") == []
    assert events.end() == ["[DONE]"]


def test_what_only_text_calls_a_line_end_stays_in_its_string() -> None:
    data = '{"content": "one\u2028two\x85three\x0bfour"}'
    assert Events().feed(f"data: {data}\n\n".encode()) == [data]
