"""Keys of providers: where they come from, what is told of them, and where they are not sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring.backend
import keyring.errors
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from quarterdeck.egress import Egress, checked, is_public
from quarterdeck.runner_client import RunnerClient, RunnerError
from quarterdeck_runner.key_stores import FileStore, KeyringStore, KeyStore, KeyStoreError, NoStore, open_store
from quarterdeck_runner.keys import KeyRefusedError, Keys, NoKeyError, Profile, scrub
from quarterdeck_runner.providers import Providers, explain
from support.runner import PATIENCE, process
from support.servers import serve

SECRET = "a secret of the operator"
KEY = "opaque-key-without-any-prefix-1"
OTHER = "opaque-key-without-any-prefix-2"


class Memory(keyring.backend.KeyringBackend):
    """A keyring that forgets when the test ends; and that can be locked."""

    priority = 9

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has few types
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked(KEY)
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked(password)
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(params=["file", "keyring"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    return FileStore(tmp_path / "keys.json", SECRET) if request.param == "file" else KeyringStore(Memory())


def test_a_key_is_kept_found_listed_and_forgotten(store: KeyStore) -> None:
    keys = Keys({}, store)
    keys.set("claude", "default", KEY)
    keys.set("claude", "team-a", OTHER)
    url = "https://api.anthropic.com"
    assert keys.credential("claude").key == KEY
    assert keys.credential("claude", "team-a").key == OTHER
    assert keys.profiles("claude") == [
        Profile("claude", "default", store.kind, url),
        Profile("claude", "team-a", store.kind, url),
    ]
    assert keys.profiles("gemini") == []
    assert KEY not in repr(keys.credential("claude"))
    keys.remove("claude", "default")
    with pytest.raises(NoKeyError, match="there is no key 'default' of Claude in the key store"):
        keys.remove("claude", "default")
    with pytest.raises(NoKeyError, match="set ANTHROPIC_API_KEY in the environment of the runner"):
        keys.credential("claude")
    with pytest.raises(NoKeyError, match="with the key profile 'team-b': set ANTHROPIC_API_KEY_TEAM_B in"):
        keys.credential("claude", "team-b")


def test_the_environment_wins_and_cannot_be_changed_from_here(store: KeyStore) -> None:
    environ = {"GEMINI_API_KEY": KEY, "GEMINI_API_KEY_TEAM_A": OTHER, "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9"}
    keys = Keys(environ, store)
    assert (keys.credential("gemini").key, keys.credential("gemini", "team-a").key) == (KEY, OTHER)
    assert [each.profile for each in keys.profiles("gemini")] == ["default", "team_a"]
    with pytest.raises(KeyRefusedError, match="has this key in GEMINI_API_KEY; it would still be used"):
        keys.set("gemini", "default", OTHER)
    with pytest.raises(KeyRefusedError, match="has this key in GEMINI_API_KEY; it cannot be removed from here"):
        keys.remove("gemini", "default")


def test_a_stored_key_takes_the_place_of_the_stand_in_and_goes_to_the_provider(store: KeyStore) -> None:
    keys = Keys({"ANTHROPIC_API_KEY": "stand-in", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}, store)
    assert keys.credential("claude").base_url == "http://127.0.0.1:9"
    keys.set("claude", "default", KEY)
    assert keys.credential("claude").base_url == "https://api.anthropic.com"


def test_the_file_tells_nothing_and_opens_with_its_secret_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    FileStore(path, SECRET).put("claude/default", {"key": KEY})
    assert KEY.encode() not in path.read_bytes()
    assert b"claude" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert FileStore(path, SECRET).get("claude/default") == {"key": KEY}
    with pytest.raises(KeyStoreError, match="was sealed with another secret than QUARTERDECK_KEY_SECRET has now"):
        FileStore(path, SECRET + "!").names()
    path.write_text("{}")
    with pytest.raises(KeyStoreError, match="remove it and set the keys anew"):
        FileStore(path, SECRET).names()


def test_a_locked_keyring_is_said_without_its_words() -> None:
    backend = Memory()
    keys = Keys({}, KeyringStore(backend))
    backend.locked = True
    with pytest.raises(KeyStoreError) as written:
        keys.set("claude", "default", KEY)
    with pytest.raises(NoKeyError) as read:
        keys.credential("claude")
    assert "is it locked?" in str(written.value)
    assert "is it locked?" in str(read.value)
    assert KEY not in f"{written.value} {read.value}"


def test_which_store_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend: Any = Memory()
    monkeypatch.setattr("keyring.get_keyring", lambda: backend)
    environ = {"QUARTERDECK_KEY_SECRET": SECRET}
    assert open_store("auto", tmp_path, environ).kind == "file"
    assert environ == {}, "no program that is started from here inherits the secret"
    assert open_store("auto", tmp_path, {}).kind == "keyring"
    assert open_store("none", tmp_path, {}).kind == "none"
    with pytest.raises(KeyStoreError, match="needs a secret of at least 16 characters in QUARTERDECK_KEY_SECRET"):
        open_store("file", tmp_path, {"QUARTERDECK_KEY_SECRET": "short"})
    backend = keyring.backends.fail.Keyring()  # type: ignore[no-untyped-call]  # as above
    nothing = open_store("auto", tmp_path, {})
    assert isinstance(nothing, NoStore)
    assert nothing.hint.startswith("this machine has no keyring: put a secret into QUARTERDECK_KEY_SECRET")
    with pytest.raises(KeyStoreError, match="this machine has no keyring"):
        open_store("keyring", tmp_path, {})


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://gateway.example/anthropic", ""),
        ("https://gateway.example:443", ""),
        ("https://GATEWAY.example./v1", ""),
        ("http://10.0.0.7:4000", ""),
        ("https://a.public.example", ""),
        ("https://gateway.example:444", "is not among the addresses"),
        ("http://gateway.example", "is not among the addresses"),
        ("https://gateway.example.evil.example", "is not among the addresses"),
        ("https://evilpublic.example", "is not among the addresses"),
        ("http://169.254.169.254/latest/meta-data", "is not among the addresses"),
        ("http://a.public.example", "is not among the addresses"),
        ("https://private.public.example", "leads to 10.1.2.3, which is no public address"),
        ("https://metadata.public.example", "leads to 169.254.169.254, which is no public address"),
        ("https://mapped.public.example", "leads to ::ffff:127.0.0.1, which is no public address"),
        ("https://both.public.example", "leads to ::1, which is no public address"),
        ("https://nowhere.public.example", "has no address"),
        ("https://user:pass@gateway.example", "holds no user and no password"),
        ("https://gateway.example?x=1", "and nothing else"),
        ("https://gateway.example\\@evil.example", "holds no user and no password"),
        ("https://gateway.example /", "and nothing else"),
        ("file:///etc/passwd", "begins with https:// or http://"),
        ("gopher://gateway.example", "begins with https:// or http://"),
        ("https://[::1", "is no URL"),
        ("https://gateway.example:99999", "is no URL"),
        ("", "begins with https:// or http://"),
    ],
)
def test_where_a_key_may_be_sent(url: str, word: str) -> None:
    known = {
        "a": ["93.184.216.34"], "private": ["10.1.2.3"], "metadata": ["169.254.169.254"],
        "mapped": ["::ffff:127.0.0.1"], "both": ["93.184.216.34", "::1"],
    }  # fmt: skip

    def resolver(host: str) -> list[str]:
        if host.partition(".")[0] not in known:
            raise OSError("unknown")
        return known[host.partition(".")[0]]

    egress = Egress(["https://gateway.example", "http://10.0.0.7:4000", "https://*.public.example"], resolver)
    found = egress.trouble(url)
    assert word in found if word else not found


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("127.0.0.1", False), ("10.0.0.1", False), ("192.168.0.1", False), ("172.16.0.1", False),
        ("169.254.169.254", False), ("100.100.100.200", False), ("0.0.0.0", False), ("224.0.0.1", False),  # noqa: S104
        ("2001:4860:4860::8888", True), ("::1", False), ("fd00:ec2::254", False), ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:a00:1::1", False), ("64:ff9b::808:808", True),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, *, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("url", ["https://a.example/path", "http://*.example", "https://*", "https://a.*.example", "x"])
def test_what_is_no_entry_of_the_operators_list(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        checked(url)


def test_a_profile_may_name_only_an_address_that_the_operator_allows(store: KeyStore) -> None:
    keys = Keys({}, store, Egress(["https://gateway.example"]))
    keys.set("claude", "default", KEY, "https://gateway.example/anthropic")
    assert keys.credential("claude").base_url == "https://gateway.example/anthropic"
    with pytest.raises(KeyRefusedError, match="the operator names them with --provider-urls"):
        keys.set("claude", "default", KEY, "http://169.254.169.254")
    with pytest.raises(NoKeyError, match="is not among the addresses"):
        Keys({}, store, Egress()).credential("claude")  # the operator has changed their mind


@pytest.fixture
def thief() -> Iterator[tuple[str, list[str]]]:
    """A server that redirects to itself, and what it was asked there."""
    stolen: list[str] = []

    async def answer(request: Request) -> Response:
        if request.url.path.startswith("/stolen"):
            stolen.append(str(request.headers))
            return Response("{}", media_type="application/json")
        return RedirectResponse(f"{request.base_url}stolen", 307)

    methods = ["GET", "POST"]
    with serve(Starlette(routes=[Route("/{path:path}", answer, methods=methods)])) as url:
        yield url, stolen


@pytest.mark.parametrize("provider", ["claude", "gemini"])
async def test_no_redirect_takes_a_key_along(provider: Any, thief: tuple[str, list[str]]) -> None:
    url, stolen = thief
    environ = {
        "ANTHROPIC_API_KEY": KEY, "GEMINI_API_KEY": KEY, "ANTHROPIC_BASE_URL": url, "GOOGLE_GEMINI_BASE_URL": url
    }  # fmt: skip
    providers = Providers(Keys(environ))
    with pytest.raises(Exception) as failure:  # noqa: PT011 - each provider has exceptions of its own
        await providers.models(provider)
    await providers.close()
    assert stolen == []
    assert "answered 307" in explain(failure.value).message


def test_keys_are_cleaned_out_of_whatever_is_said() -> None:
    Keys({"ANTHROPIC_API_KEY": KEY}).credential("claude")
    assert scrub(f"invalid key {KEY}, try again") == "invalid key [redacted:key], try again"
    assert explain(RuntimeError(f"{KEY}?")).message == "RuntimeError: [redacted:key]?"


def test_keys_over_rest(tmp_path: Path, stand_in: str) -> None:
    environment = {
        "QUARTERDECK_KEY_SECRET": SECRET, "QUARTERDECK_PROVIDER_URLS": stand_in,
        "ANTHROPIC_API_KEY": "", "ANTHROPIC_BASE_URL": "", "GEMINI_API_KEY": "key", "GOOGLE_GEMINI_BASE_URL": stand_in,
    }  # fmt: skip
    with process(tmp_path, environment) as (_, runner):
        client = RunnerClient(str(runner.http.base_url), timeout_s=PATIENCE)
        before = client.providers()
        assert before["key_store"] == {"kind": "file", "hint": ""}
        assert [(each["name"], each["ready"]) for each in before["providers"]] == [("claude", False), ("gemini", True)]
        verdict = client.test_key("claude")
        assert (verdict["works"], verdict["models"]) == (False, [])
        assert verdict["problem"].startswith("Claude cannot be asked: set ANTHROPIC_API_KEY in the environment")
        kept = {"profile": "default", "source": "file", "base_url": stand_in}
        assert client.set_key("claude", KEY, base_url=stand_in) == kept
        found = client.providers()["providers"][0]
        assert (found["ready"], found["profiles"]) == (True, [kept])
        works = client.test_key("claude")
        assert (works["works"], works["problem"]) == (True, "")
        assert "claude-sonnet-5-5" in works["models"]
        assert "gemini-3.8-flash" in client.test_key("gemini")["models"]
        with pytest.raises(RunnerError, match="has this key in GEMINI_API_KEY") as environments:
            client.set_key("gemini", KEY)
        with pytest.raises(RunnerError, match="is not among the addresses that keys may be sent to") as metadata:
            client.set_key("claude", KEY, base_url="http://169.254.169.254")
        assert (environments.value.status, metadata.value.status) == (409, 409)
        client.remove_key("claude")
        with pytest.raises(RunnerError, match="there is no key 'default' of Claude"):
            client.remove_key("claude")
        for wrong in ("short", "x" * 5000, 7):
            answer = runner.http.put("/v1/providers/claude/keys/default", json={"key": wrong})
            assert (answer.status_code, str(wrong) in json.dumps(answer.json().get("errors"))) == (422, False)
        assert runner.http.put("/v1/providers/claude/keys/..%2f", json={"key": KEY}).status_code == 404


def test_a_run_may_choose_a_key_by_name(tmp_path: Path) -> None:
    seen: list[str] = []

    async def answer(request: Request) -> Response:
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        return Response('{"type": "error", "error": {"type": "api_error", "message": "no"}}', 400)

    pipeline = 'name: talks\nsteps: [{name: ask, type: claude, prompt: "hi"}]\n'
    with serve(Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])) as url:
        environment = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY_TEAM_A": OTHER}
        with process(tmp_path, environment) as (_, runner):
            runner.pipeline(pipeline)
            client = RunnerClient(str(runner.http.base_url), timeout_s=PATIENCE)
            usual, chosen = client.start("talks"), client.start("talks", keys={"claude": "team-a"})
            results = [runner.result(run["id"]) for run in (usual, chosen)]
            assert sorted(seen) == [KEY, OTHER]
            assert [run["keys"] for run in results] == [{}, {"claude": "team-a"}]
            with pytest.raises(RunnerError, match="with the key profile 'team-b'") as unknown:
                client.start("talks", keys={"claude": "team-b"})
            assert (unknown.value.status, unknown.value.problem["title"]) == (422, "There is no such key")
            with pytest.raises(RunnerError, match="should match pattern"):
                client.start("talks", keys={"claude": KEY.upper()})
