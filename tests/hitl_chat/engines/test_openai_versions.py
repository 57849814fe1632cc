from pathlib import Path

import pytest
from starlette.responses import Response

from hitl_chat.engines.protocol import AdapterRejected, EngineBusy
from storage.models import BASE_VERSION
from tests.hitl_chat.engines.asking import GREEDY, asked, last
from tests.hitl_chat.engines.elsewhere import Serve, answer, refused
from tests.standin import BASE, eventually


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_a_reply_is_answered_and_stamped_by_the_version_it_began_with(
    serve: Serve, adapters: dict[str, Path], dialect: str
) -> None:
    server, engine = serve(dialect)
    assert engine.adapts
    streams = []
    server.hold()
    for version, folder in {BASE_VERSION: None, **adapters}.items():
        engine.activate(version, folder)
        stream = engine.stream(asked("Who are you?"), GREEDY, 1)
        next(stream)
        streams.append((version, stream))
    server.release()
    for version, stream in streams:
        reply = last(stream)
        assert (reply.version, reply.stop_reason) == (version, "eos")
        assert reply.text == f"{BASE if version == BASE_VERSION else version} 1 2"
    assert server.loaded == {v: str(folder) for v, folder in adapters.items()}


def test_a_version_leaves_the_server_after_its_last_reply(
    serve: Serve, adapters: dict[str, Path]
) -> None:
    server, engine = serve("vllm")
    old, new = adapters
    engine.activate(old, adapters[old])
    server.hold()
    stream = engine.stream(asked("Hi"), GREEDY, 1)
    next(stream)
    eventually(lambda: server.writing)
    engine.activate(new, adapters[new])
    assert set(server.loaded) == {old, new}
    server.release()
    assert last(stream).text == f"{old} 1 2"
    eventually(lambda: set(server.loaded) == {new})
    happened = [line for line in server.journal if line.endswith(old)]
    assert happened == [f"load {old}", f"begin {old}", f"end {old}", f"unload {old}"]
    engine.activate(BASE_VERSION, None)
    eventually(lambda: not server.loaded)
    assert answer(engine).text == f"{BASE} 1 2"


def test_a_version_stays_on_the_server_as_long_as_it_is_kept_beside(
    serve: Serve, adapters: dict[str, Path]
) -> None:
    server, engine = serve("vllm")
    old, new = adapters
    engine.activate(old, adapters[old])
    engine.accompany(old, adapters[old])
    engine.activate(new, adapters[new])
    assert (engine.version, engine.beside) == (new, old)
    assert answer(engine).text == f"{new} 1 2"
    aside = last(engine.stream(asked("Who are you?"), GREEDY, 1, beside=True))
    assert (aside.version, aside.text) == (old, f"{old} 1 2")
    engine.accompany(None, None)
    eventually(lambda: set(server.loaded) == {new})
    assert last(engine.stream(asked("Who are you?"), GREEDY, 1, beside=True)).version == new


def test_going_back_to_a_version_that_is_leaving_loads_it_again(
    serve: Serve, adapters: dict[str, Path]
) -> None:
    server, engine = serve("vllm")
    old, new = adapters
    for version in (old, new, old):
        engine.activate(version, adapters[version])
    assert answer(engine).text == f"{old} 1 2"
    eventually(lambda: set(server.loaded) == {old})
    assert server.journal.count(f"load {old}") == 2


def test_going_back_to_a_version_that_still_answers_keeps_it(
    serve: Serve, adapters: dict[str, Path]
) -> None:
    server, engine = serve("vllm")
    old, new = adapters
    engine.activate(old, adapters[old])
    server.hold()
    stream = engine.stream(asked("Hi"), GREEDY, 1)
    next(stream)
    for version in (new, old):
        engine.activate(version, adapters[version])
    server.release()
    list(stream)
    eventually(lambda: f"unload {new}" in server.journal)
    assert answer(engine).text == f"{old} 1 2"
    assert f"unload {old}" not in server.journal


def test_a_version_that_the_server_has_already_is_taken_as_it_is(
    serve: Serve, adapters: dict[str, Path]
) -> None:
    server, engine = serve("sglang")
    version, folder = next(iter(adapters.items()))
    server.loaded[version] = str(folder)
    engine.activate(version, folder)
    assert answer(engine).text == f"{version} 1 2"
    assert f"load {version}" not in server.journal


@pytest.mark.parametrize("how", ["unreadable", "unfit", "of another base", "of another name"])
def test_a_bad_version_is_refused_and_the_old_one_serves_on(
    serve: Serve, adapters: dict[str, Path], tmp_path: Path, how: str
) -> None:
    server, engine = serve("vllm")
    good, bad = adapters
    folder = adapters[bad]
    engine.activate(good, adapters[good])
    if how == "unreadable":
        folder = tmp_path / bad
    elif how == "unfit":
        server.unfit.add(bad)
    elif how == "of another base":
        engine.base = "another"
    else:
        folder = adapters[good]
    with pytest.raises(AdapterRejected):
        engine.activate(bad, folder)
    reply = answer(engine)
    assert (reply.version, reply.text) == (good, f"{good} 1 2")
    assert set(server.loaded) == {good}


def test_a_server_without_adapters_takes_none(serve: Serve, adapters: dict[str, Path]) -> None:
    _, engine = serve("plain")
    version, folder = next(iter(adapters.items()))
    assert not engine.adapts
    with pytest.raises(AdapterRejected, match="takes no adapters"):
        engine.activate(version, folder)
    assert engine.version == BASE_VERSION


def test_a_server_that_is_away_is_no_fault_of_the_version(
    serve: Serve, adapters: dict[str, Path]
) -> None:
    server, engine = serve("vllm")
    version, folder = next(iter(adapters.items()))
    server.stop()
    with pytest.raises(EngineBusy, match="doesn't answer"):
        engine.activate(version, folder)
    server.start()
    engine.activate(version, folder)
    assert answer(engine).text == f"{version} 1 2"


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_a_version_that_the_server_lost_can_be_activated_again(
    serve: Serve, adapters: dict[str, Path], dialect: str
) -> None:
    server, engine = serve(dialect)
    version, folder = next(iter(adapters.items()))
    engine.activate(version, folder)
    server.stop()
    server.start()
    assert refused(engine) == "The model is being loaded again. Try again shortly."
    assert engine.version == BASE_VERSION
    engine.activate(version, folder)
    assert answer(engine).text == f"{version} 1 2"


def test_a_refusal_is_not_taken_for_a_loss(serve: Serve, adapters: dict[str, Path]) -> None:
    server, engine = serve("vllm")
    version, folder = next(iter(adapters.items()))
    engine.activate(version, folder)
    server.script.append(Response("temperature is wrong", 400))
    assert "status 400" in refused(engine)
    assert engine.version == version
