import stat
from pathlib import Path

import pytest

from hitl_chat.settings import OAUTH, SECRET_FILE, SETTINGS, Endpoint, Settings, SettingsError
from storage.home import HomeError


def read(folder: Path, **env: str) -> Settings:
    return Settings.from_env({"HITL_DATA_DIR": str(folder / "data"), **env})


def test_an_empty_environment_gives_the_documented_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.model == "smollm2"
    assert settings.engine == "auto"
    assert settings.endpoint is None
    assert settings.trainer
    assert (settings.host, settings.port) == ("127.0.0.1", 7860)
    assert settings.admin_password is None
    assert (settings.max_new_tokens, settings.temperature) == (256, 0.7)


def test_an_empty_value_counts_as_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, **{s.name: "" for s in SETTINGS if "DATA" not in s.name}).port == 7860


def test_values_that_are_given_are_taken(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        HITL_MODEL="some/folder",
        HITL_TRAINER="off",
        HITL_MAX_NEW_TOKENS="9",
        HITL_TEMPERATURE="0",
        HITL_TRIAL_SHARE="0.3",
        HITL_ADMIN_PASSWORD="open sesame",
        HITL_SECRET="known",
        GRADIO_SERVER_NAME="0.0.0.0",  # noqa: S104 - a value, nothing listens
        GRADIO_SERVER_PORT="8000",
    )
    assert settings.model == "some/folder"
    assert settings.trial_share == 0.3
    assert not settings.trainer
    assert (settings.max_new_tokens, settings.temperature) == (9, 0)
    assert settings.admin_password == "open sesame"
    assert settings.secret == b"known"
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)  # noqa: S104


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("HITL_ENGINE", "vllm", "Use one of auto, llamacpp, transformers, openai."),
        ("HITL_ENGINE", "openai", "Set HITL_OPENAI_URL to its address, such as http://"),
        ("HITL_OPENAI_URL", "127.0.0.1:8000", "Use one such as http://127.0.0.1:8000/v1."),
        ("HITL_OPENAI_URL", "ftp://somewhere/v1", "Use one such as"),
        ("HITL_OPENAI_URL", "http://", "Use one such as"),
        ("HITL_OPENAI_URL", "http://some where/v1", "Use one such as"),
        ("HITL_OPENAI_URL", "http://somewhere:99999/v1", "Use one such as"),
        ("HITL_OPENAI_URL", "http://[::1/v1", "Use one such as"),
        ("HITL_OPENAI_URL", "http://somewhere/v1?key=x", "Use one such as"),
        ("HITL_TRAINER", "maybe", "Use one of on, off."),
        ("HITL_MAX_NEW_TOKENS", "0", "Use a whole number, 1 to 4096."),
        ("HITL_MAX_NEW_TOKENS", "12.5", "Use a whole number, 1 to 4096."),
        ("HITL_TEMPERATURE", "hot", "Use a number, 0 to 2."),
        ("HITL_TEMPERATURE", "nan", "Use a number, 0 to 2."),
        ("HITL_TRIAL_SHARE", "0", "Use a number, 0.05 to 1."),
        ("HITL_PERSON_LIMIT", "-1", "Use a whole number, 0 to 10000."),
        ("HITL_ADDRESS_LIMIT", "10001", "Use a whole number, 0 to 10000."),
        ("HITL_PROXIES", "10", "Use a whole number, 0 to 9."),
        ("GRADIO_SERVER_PORT", "70000", "Use a whole number, 1 to 65535."),
        ("GRADIO_SERVER_PORT", "9" * 5000, "Use a whole number, 1 to 65535."),
    ],
)
def test_a_bad_value_is_named_with_its_mend(
    tmp_path: Path, name: str, value: str, mend: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, **{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} has value '{value}'")
    assert mend in message
    assert "\n" not in message


def test_a_server_elsewhere_has_an_address_a_key_and_a_name_for_the_model(tmp_path: Path) -> None:
    env = {"HITL_OPENAI_URL": "https://somewhere/v1/", "HITL_MODEL": "some/base"}
    assert read(tmp_path, **env).endpoint == Endpoint("https://somewhere/v1", "", "some/base")
    env |= {"HITL_OPENAI_KEY": "sk-secret", "HITL_OPENAI_MODEL": "served"}
    assert read(tmp_path, **env).endpoint == Endpoint("https://somewhere/v1", "sk-secret", "served")


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        HITL_OPENAI_URL="https://somewhere/v1",
        HITL_OPENAI_KEY="sk-hunter2",
        HITL_ADMIN_PASSWORD="hunter2 again",
        HITL_SECRET="and hunter2",
    )
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"HITL_OPENAI_URL": "http://me:hunter2@somewhere/v1"}, "HITL_OPENAI_KEY for what is"),
        (
            {"HITL_OPENAI_URL": "http://somewhere/v1", "HITL_OPENAI_KEY": "hunter2\n"},
            "HITL_OPENAI_KEY holds a character that no key has",
        ),
    ],
)
def test_a_secret_that_can_not_be_used_is_not_repeated(
    tmp_path: Path, env: dict[str, str], line: str
) -> None:
    with pytest.raises(SettingsError, match=line) as caught:
        read(tmp_path, **env)
    assert "hunter2" not in str(caught.value)


def test_a_bad_value_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        read(tmp_path, HITL_TRAINER="maybe")
    assert not (tmp_path / "data").exists()


def test_the_secret_is_made_once_and_for_nobody_else_to_read(tmp_path: Path) -> None:
    first = read(tmp_path).secret
    assert len(first) >= 32
    assert read(tmp_path).secret == first
    mode = (tmp_path / "data" / SECRET_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert [f.name for f in (tmp_path / "data").glob(".*")] == []


def test_an_emptied_secret_is_refused(tmp_path: Path) -> None:
    read(tmp_path)
    (tmp_path / "data" / SECRET_FILE).write_text("\n")
    with pytest.raises(SettingsError, match=r"is empty\. Delete it, or set HITL_SECRET"):
        read(tmp_path)


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(HomeError, match="HITL_DATA_DIR"):
        read(tmp_path)


SPACE = {"SYSTEM": "spaces", "SPACE_ID": "me/chat"}


def test_a_space_stands_behind_one_proxy_unless_told_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path).proxies == 0
    assert read(tmp_path, **SPACE).proxies == 1
    assert read(tmp_path, **SPACE, HITL_PROXIES="2").proxies == 2


def test_people_sign_in_where_the_space_has_oauth_and_nowhere_else(tmp_path: Path) -> None:
    oauth = dict.fromkeys(OAUTH, "something")
    assert read(tmp_path, **SPACE, **oauth).sign_in
    assert not read(tmp_path, **oauth).sign_in
    assert not read(tmp_path, SYSTEM="spaces", **oauth).sign_in
    assert not read(tmp_path, **SPACE).sign_in
    for name in OAUTH:  # with an empty client secret everyone could sign Gradio's cookies
        assert not read(tmp_path, **SPACE, **{**oauth, name: ""}).sign_in


def test_every_setting_has_a_sentence() -> None:
    assert all(s.sentence.endswith(".") for s in SETTINGS)
    assert len({s.name for s in SETTINGS}) == len(SETTINGS)


def test_on_zero_gpu_nothing_is_trained_unless_asked_for(tmp_path: Path) -> None:
    env = {"HITL_DATA_DIR": str(tmp_path), "SPACES_ZERO_GPU": "true"}
    assert Settings.from_env({"HITL_DATA_DIR": str(tmp_path)}).trainer
    assert not Settings.from_env(env).trainer
    assert Settings.from_env({**env, "HITL_TRAINER": "on"}).trainer
