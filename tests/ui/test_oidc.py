"""The login at an OpenID Connect provider: who comes in, as what, and which answers are not believed."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, expect
from pydantic import ValidationError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from quarterdeck_ui.access.members import Members, claim, listed
from quarterdeck_ui.settings import Settings
from support.browser import open_page
from support.collectors import PLAIN, CollectorProcess
from support.dashboard import Dashboard, dashboard
from support.oidc import CLIENT, SECRET, Claims, OidcProvider, oidc_provider
from support.scenario import Run

PAGE = {"accept": "text/html"}
PEOPLE: dict[str, Claims] = {
    "vera": {"email": "Vera@example.org", "email_verified": True},
    "otto": {"email": "otto@elsewhere.example", "groups": ["Deck Crew", "all"]},
    "eve": {"email": "eve@evil.example", "email_verified": True},
    "una": {"email": "una@example.org", "email_verified": False},
    "nemo": {},
}
Guarded = tuple[Dashboard, OidcProvider]


def flags(provider: OidcProvider, *more: str) -> list[str]:
    client = ["--ui-login", "oidc", "--ui-oidc-issuer", provider.url, "--ui-oidc-client-id", CLIENT]
    return [*client, "--ui-viewers", "@example.org", "--ui-operators", '"Deck Crew", root@example.org', *more]


@pytest.fixture(scope="module")
def guarded(home: CollectorProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with pytest.MonkeyPatch.context() as patch, oidc_provider(PEOPLE) as provider:
        patch.setenv("QUARTERDECK_UI_OIDC_SECRET", SECRET)
        folder = tmp_path_factory.mktemp("oidc")
        with dashboard(folder, home.otlp, home.clickhouse, *flags(provider)) as running:
            yield running, provider


@pytest.fixture
def visitor() -> Iterator[httpx.Client]:
    with httpx.Client(verify=PLAIN, headers=PAGE) as client:
        yield client


def begin(visitor: httpx.Client, url: str, sub: str) -> str:
    """Go to the provider as someone; the address that it sends the browser back to."""
    there = visitor.get(f"{url}/login", params={"next": "/?run=r1"})
    assert there.status_code == 302
    return visitor.get(there.headers["location"] + f"&as={sub}").headers["location"]


def test_a_viewer_looks_an_operator_steers_and_both_leave(
    browser: Browser, guarded: Guarded, home: CollectorProcess
) -> None:
    (running, provider), run = guarded, Run(home.otlp, "guarded-by-oidc")
    for sub, name, steers in (("vera", "Vera@example.org", False), ("otto", "otto@elsewhere.example", True)):
        watched = open_page(browser, f"{running.url}/?run={run.id}")
        page = watched.page
        page.get_by_role("link", name=sub).click()
        expect(page.locator(f'[data-run="{run.id}"][aria-selected="true"]')).to_be_visible()
        start = page.locator('[data-qd="start-run"]')
        assert start.is_visible() == steers
        if not steers:  # what the browser hides, the server refuses
            start.evaluate("button => button.click()")
            expect(page.get_by_text("You may look, not steer")).to_be_visible()
        assert (watched.console_errors, watched.foreign_requests) == ([], [])
        left = provider.logged_out
        page.get_by_role("button", name=name).click()
        expect(page.get_by_text(f"You log in at {urlsplit(provider.url).netloc}")).to_be_visible()
        assert provider.logged_out == left + 1
        page.goto(running.url)
        expect(page.get_by_role("link", name=sub)).to_be_visible()
        page.context.close()


def test_strangers_are_sent_to_the_provider_and_see_nothing(guarded: Guarded, visitor: httpx.Client) -> None:
    url = guarded[0].url
    first = visitor.get(f"{url}/?run=r1")
    assert (first.status_code, first.headers["location"]) == (303, "/login?next=%2F%3Frun%3Dr1")
    asked = parse_qs(urlsplit(visitor.get(url + first.headers["location"]).headers["location"]).query)
    assert asked["redirect_uri"] == [f"{url}/login/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    for path in ("/deck/logs.txt", "/_stcore/health", "/deck/assets/x/deck.js"):
        assert httpx.get(url + path, verify=PLAIN).status_code == 401, path
    for path in ("/deck/live", "/deck/logs", "/_stcore/stream"):
        with pytest.raises(InvalidStatus), connect(url.replace("http", "ws") + path):
            pass


def test_a_login_that_this_browser_did_not_begin_is_refused(guarded: Guarded, visitor: httpx.Client) -> None:
    url = guarded[0].url
    callback = begin(visitor, url, "otto")
    code = parse_qs(urlsplit(callback).query)["code"][0]
    with httpx.Client(verify=PLAIN, headers=PAGE) as other:
        assert other.get(callback).status_code == 400, "another browser has no such state"
        own = parse_qs(urlsplit(begin(other, url, "vera")).query)["state"][0]
        injected = other.get(f"{url}/login/callback", params={"code": code, "state": own})
        assert (injected.status_code, "the code is of another login" in injected.text) == (403, True), "PKCE"
        assert other.get(url).status_code == 303
    assert visitor.get(callback.replace("state=", "state=x")).status_code == 400
    assert visitor.get(url).status_code == 303


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"exp": int(time.time()) - 3600}, "expired"),
        ({"nonce": "of an earlier login"}, "nonce"),
        ({"aud": "another client"}, "aud"),
        ({"aud": ["another client"], "azp": CLIENT}, "aud"),
        ({"iss": "https://evil.example"}, "iss"),
    ],
)
def test_a_token_that_says_something_else_is_refused(
    guarded: Guarded, visitor: httpx.Client, wrong: Claims, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, provider = guarded
    monkeypatch.setattr(provider, "distort", lambda claims: {**claims, **wrong})
    answer = visitor.get(begin(visitor, running.url, "otto"))
    assert (answer.status_code, said in answer.text) == (401, True), answer.text
    assert visitor.get(running.url).status_code == 303


def test_a_token_signed_by_somebody_else_is_refused(
    guarded: Guarded, visitor: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, provider = guarded
    forger = RSAKey.generate_key(2048, {"kid": "1"})
    monkeypatch.setattr(provider, "sign", lambda _: forger)
    answer = visitor.get(begin(visitor, running.url, "otto"))
    assert (answer.status_code, "cannot be believed" in answer.text) == (401, True)
    assert visitor.get(running.url).status_code == 303


@pytest.mark.parametrize(
    ("sub", "said"),
    [("eve", "no list names you"), ("una", "has not verified"), ("nemo", "did not tell the claim &#x27;email&#x27;")],
)
def test_whom_the_lists_do_not_name_stays_outside(guarded: Guarded, visitor: httpx.Client, sub: str, said: str) -> None:
    answer = visitor.get(begin(visitor, guarded[0].url, sub))
    assert (answer.status_code, said in answer.text) == (403, True), answer.text
    assert visitor.get(guarded[0].url).status_code == 303


def test_a_provider_that_is_away_opens_no_door_and_shuts_out_nobody_inside(
    home: CollectorProcess, tmp_path: Path, visitor: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUARTERDECK_UI_OIDC_SECRET", SECRET)
    with oidc_provider(PEOPLE) as provider:
        chosen = flags(provider)
        with dashboard(tmp_path, home.otlp, home.clickhouse, *chosen) as running:
            assert visitor.get(begin(visitor, running.url, "vera")).status_code == 303
    with dashboard(tmp_path, home.otlp, home.clickhouse, *chosen) as running:
        away = httpx.get(f"{running.url}/login", params={"next": "/"}, verify=PLAIN)
        assert (away.status_code, f"{provider.url} does not answer" in away.text) == (503, True)
        cookie = {"cookie": f"quarterdeck_session={visitor.cookies['quarterdeck_session']}"}
        assert httpx.get(running.url, headers=PAGE | cookie, verify=PLAIN).status_code == 200
        assert httpx.post(f"{running.url}/logout", headers=cookie, verify=PLAIN).headers["location"] == "/login"
    stricter = [*chosen, "--ui-viewers", "somebody@else.example"]
    with dashboard(tmp_path, home.otlp, home.clickhouse, *stricter) as running:  # struck off the list: out at once
        assert httpx.get(running.url, headers=PAGE | cookie, verify=PLAIN).status_code == 303


def test_lists_name_people_domains_and_groups() -> None:
    members = Members(listed('"Deck Crew", ann@x.example root'), listed("@x.example *.y"))
    found = [
        members.role(members.entries(name, groups))
        for name, groups in [
            ("Ann@X.example", ()),
            ("bob@x.example", ()),
            ("bob@not-x.example", ()),
            ("z", ["Deck Crew"]),
            ("z", ["deck crew"]),
            ("root", ()),
            ("root@", ()),
        ]
    ]
    assert found == ["operator", "viewer", None, "operator", None, "operator", None]
    everybody = Members((), listed("*"))
    assert everybody.role(everybody.entries("anyone")) == "viewer"
    nested = {"realm_access": {"roles": ["crew"]}, "https://x.example/groups": ["a"]}
    assert (claim(nested, "realm_access.roles"), claim(nested, "https://x.example/groups")) == (["crew"], ["a"])
    assert claim(nested, "realm_access.none") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ui_oidc_client_id": ""}, "needs --ui-oidc-issuer and --ui-oidc-client-id"),
        ({"ui_viewers": ""}, "nobody could come in"),
        ({"ui_oidc_issuer": "http://accounts.example"}, "must begin with https://"),
        ({"ui_oidc_scope": "email"}, "must contain openid"),
    ],
)
def test_settings_that_let_in_nobody_or_anybody_are_refused(change: Claims, said: str) -> None:
    fits: Claims = {"ui_oidc_issuer": "https://accounts.example", "ui_oidc_client_id": "deck", "ui_viewers": "*"}
    Settings(ui_login="oidc", **fits)
    with pytest.raises(ValidationError, match=said):
        Settings(ui_login="oidc", **{**fits, **change})
