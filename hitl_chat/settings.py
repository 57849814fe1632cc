"""The environment, read once into one frozen Settings. Knows no model and no page.

Numbers of the training side are read by `training.config`.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from storage.depot import Depot, DepotError, open_depot
from storage.home import Home
from training.gguf import wanted

ENGINES = ("auto", "llamacpp", "transformers", "openai")
SOME_URL = "http://127.0.0.1:8000/v1"
MOST_ACTS = 10_000
OAUTH = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")
"""What a Space with `hf_oauth: true` sets; Gradio reads them."""
SECRET_FILE = "secret.key"  # noqa: S105 - the name of a file


class SettingsError(ValueError):
    """A setting has a value that can't be used; shown to whoever starts the app."""


@dataclass(frozen=True)
class Setting:
    """One line of the README's table."""

    name: str
    default: str
    sentence: str


SETTINGS = (
    Setting("HITL_DATA_DIR", "data", "Folder of everything that lasts."),
    Setting(
        "HITL_DATABASE_URL",
        "",
        "SQLAlchemy address of the database; left out, feedback.db in the data folder.",
    ),
    Setting(
        "HITL_MODEL",
        "smollm2",
        "Base model: the packaged one (its original, where it isn't installed), a local folder, or a Hub id.",
    ),
    Setting("HITL_ENGINE", "auto", "What serves: auto, llamacpp, transformers or openai."),
    Setting("HITL_OPENAI_URL", "", f"Server of the openai engine, such as {SOME_URL}."),
    Setting("HITL_OPENAI_KEY", "", "Key that this server asks for."),
    Setting("HITL_OPENAI_MODEL", "", "What it calls the base model; left out, as HITL_MODEL."),
    Setting(
        "HITL_TRAINER",
        "on",
        "Whether the chat process starts the trainer: on or off; on ZeroGPU off, unless set.",
    ),
    Setting("HITL_MAX_NEW_TOKENS", "256", "Longest answer in tokens, 1 to 4096."),
    Setting("HITL_TEMPERATURE", "0.7", "Sampling temperature of answers, 0 (greedy) to 2."),
    Setting(
        "HITL_TRIAL_SHARE",
        "1",
        "Share of conversations that get a version on trial, 0.05 to 1; below 1 both are in memory.",
    ),
    Setting(
        "HITL_COMPARISONS",
        "2",
        "How often a conversation is asked to compare two drafts, 0 (never) to 20.",
    ),
    Setting(
        "HITL_PERSON_LIMIT",
        "30",
        "Answers that a person may ask for in a minute, up to 10000; four times as much feedback. "
        "0 for no limit.",
    ),
    Setting(
        "HITL_ADDRESS_LIMIT",
        "120",
        "The same for all people of one address together; new people and erasures in an hour.",
    ),
    Setting(
        "HITL_PROXIES",
        "",
        "Proxies before the app that add to X-Forwarded-For, 0 to 9; left out, 1 on a Space, else 0.",
    ),
    Setting(
        "HITL_ADMIN_PASSWORD",
        "",
        "Password of the owner's page and of exports; behind a proxy they need one.",
    ),
    Setting(
        "HITL_SECRET",
        "",
        "Key that signs raters' tokens; left out, one is made in the data folder.",
    ),
    Setting(
        "HITL_SNAPSHOT_REPO",
        "",
        "Where copies of database and adapters go, for disks that don't last: docs/spaces.md.",
    ),
    Setting("GRADIO_SERVER_NAME", "127.0.0.1", "Address to listen on; 0.0.0.0 for everyone."),
    Setting("GRADIO_SERVER_PORT", "7860", "Port to listen on, 1 to 65535."),
)
"""Every setting of the chat process; a test compares it with the README."""

DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
ON_ZERO_GPU = {"HITL_TRAINER": "off"}
"""Defaults where answers are lent a GPU: what runs in the background is lent none."""


@dataclass(frozen=True)
class Endpoint:
    """A server that speaks OpenAI's protocol, and what it calls the base model."""

    url: str
    key: str = field(repr=False)
    model: str


@dataclass(frozen=True)
class Settings:
    """What the chat process was asked to be."""

    home: Home
    model: str
    engine: str
    endpoint: Endpoint | None
    trainer: bool
    temperature: float
    max_new_tokens: int
    admin_password: str | None = field(repr=False)
    secret: bytes = field(repr=False)
    host: str
    port: int
    person_limit: int
    address_limit: int
    proxies: int
    sign_in: bool
    trial_share: float = 1.0
    comparisons: int = 2
    snapshots: Depot | None = None
    zero_gpu: bool = False
    """Whether this is a Space with ZeroGPU, as its platform says."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read a mapping such as `os.environ`; an empty value counts as left out.

        Prepares the data folder, and makes the secret there if none is given.

        Raises:
            SettingsError: a value can't be used.
            HomeError: the data folder can't be written.
        """
        zero_gpu = env.get("SPACES_ZERO_GPU", "").lower() in {"1", "t", "true"}
        defaults = DEFAULTS | (ON_ZERO_GPU if zero_gpu else {})
        given = {name: env.get(name) or default for name, default in defaults.items()}
        temperature = _number(given, "HITL_TEMPERATURE", 0, 2)
        trial_share = _number(given, "HITL_TRIAL_SHARE", 0.05, 1)
        max_new_tokens = _whole(given, "HITL_MAX_NEW_TOKENS", 1, 4096)
        engine = _one_of(given, "HITL_ENGINE", ENGINES)
        endpoint = _endpoint(given)
        trainer = _one_of(given, "HITL_TRAINER", ("on", "off")) == "on"
        port = _whole(given, "GRADIO_SERVER_PORT", 1, 65_535)
        person_limit = _whole(given, "HITL_PERSON_LIMIT", 0, MOST_ACTS)
        address_limit = _whole(given, "HITL_ADDRESS_LIMIT", 0, MOST_ACTS)
        given["HITL_PROXIES"] = given["HITL_PROXIES"] or ("1" if _on_space(env) else "0")
        proxies = _whole(given, "HITL_PROXIES", 0, 9)
        home = Home.from_env(env)
        home.prepare()
        return cls(
            home=home,
            model=wanted(env),
            engine=engine,
            endpoint=endpoint,
            trainer=trainer,
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            admin_password=given["HITL_ADMIN_PASSWORD"] or None,
            secret=given["HITL_SECRET"].encode() or _own_secret(home.folder),
            host=given["GRADIO_SERVER_NAME"],
            port=port,
            person_limit=person_limit,
            address_limit=address_limit,
            proxies=proxies,
            # Elsewhere Gradio signs everyone in as the machine's own account.
            sign_in=_on_space(env) and all(env.get(name) for name in OAUTH),
            trial_share=trial_share,
            comparisons=_whole(given, "HITL_COMPARISONS", 0, 20),
            snapshots=_depot(given["HITL_SNAPSHOT_REPO"]),
            zero_gpu=zero_gpu,
        )


def _on_space(env: Mapping[str, str]) -> bool:
    """Tell whether this is a Hugging Face Space, as Gradio tells it."""
    return env.get("SYSTEM") == "spaces" and bool(env.get("SPACE_ID"))


def _depot(name: str) -> Depot | None:
    try:
        return open_depot(name) if name else None
    except DepotError as error:
        raise SettingsError(str(error)) from error


def _endpoint(given: Mapping[str, str]) -> Endpoint | None:
    url, key = given["HITL_OPENAI_URL"].rstrip("/"), given["HITL_OPENAI_KEY"]
    if not url:
        if given["HITL_ENGINE"] == "openai":
            raise SettingsError(
                "HITL_ENGINE has value 'openai', which needs a server. "
                f"Set HITL_OPENAI_URL to its address, such as {SOME_URL}."
            )
        return None
    if "@" in url:  # not repeated: it may be a password
        raise SettingsError(
            f"HITL_OPENAI_URL holds an '@'. Use an address such as {SOME_URL}, "
            "and HITL_OPENAI_KEY for what is secret."
        )
    if not _is_address(url):
        said = given["HITL_OPENAI_URL"]
        raise SettingsError(f"HITL_OPENAI_URL has value '{said}'. Use one such as {SOME_URL}.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError("HITL_OPENAI_KEY holds a character that no key has. Copy it again.")
    return Endpoint(url, key, given["HITL_OPENAI_MODEL"] or given["HITL_MODEL"])


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that isn't one, or half an IPv6 address
        return False
    return usable and url.isascii() and url.isprintable() and not set(url) & set(" ?#")


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    if given[name] not in allowed:
        raise SettingsError(f"{name} has value '{given[name]}'. Use one of {', '.join(allowed)}.")
    return given[name]


def _number(given: Mapping[str, str], name: str, low: float, high: float) -> float:
    try:
        value = float(given[name])
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SettingsError(f"{name} has value '{given[name]}'. Use a number, {low} to {high}.")
    return value


def _whole(given: Mapping[str, str], name: str, low: int, high: int) -> int:
    text = given[name]
    if not (text.isascii() and text.isdigit() and low <= int(text[:9]) <= high):
        raise SettingsError(f"{name} has value '{text}'. Use a whole number, {low} to {high}.")
    return int(text)


def _own_secret(folder: Path) -> bytes:
    """Return the installation's own secret, made on first use; two processes get the same."""
    path = folder / SECRET_FILE
    fresh = folder / f".{SECRET_FILE}-{secrets.token_hex(4)}"
    try:
        if not path.exists():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_hex(32).encode())
                stream.flush()
                os.fsync(stream.fileno())
            try:
                os.link(fresh, path)  # unlike a rename, it never replaces another process's
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"The secret {path} can't be read or made ({error.strerror}). "
            "Set HITL_SECRET, or give this user access."
        ) from error
    if not secret:
        raise SettingsError(f"The secret {path} is empty. Delete it, or set HITL_SECRET.")
    return secret
