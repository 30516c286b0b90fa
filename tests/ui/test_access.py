"""Who may come in, and who may steer: the door, the password file, the proxy's header, the names of the dashboard."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from quarterdeck_ui.access import user_command
from quarterdeck_ui.access.people import PasswordFile, PeopleError, Role
from support.browser import open_page
from support.collectors import PLAIN, CollectorProcess
from support.dashboard import Dashboard, dashboard
from support.deck import free_ports
from support.scenario import Run

PASSWORD = "correct horse battery"
Locked = tuple[Dashboard, PasswordFile]
PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
def locked(home: CollectorProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    people = PasswordFile(folder / "ui-users")
    people.add("vera", Role.VIEWER, PASSWORD)
    people.add("otto", Role.OPERATOR, PASSWORD)
    with dashboard(folder, home.otlp, home.clickhouse, "--ui-login", "password") as running:
        yield running, people


def log_in(url: str, name: str, password: str = PASSWORD, **query: str) -> httpx.Response:
    return httpx.post(f"{url}/login", data={"name": name, "password": password}, params=query, verify=PLAIN)


def test_the_password_file_keeps_no_password_and_forgets_who_is_removed(tmp_path: Path) -> None:
    people = PasswordFile(tmp_path / "ui-users")
    assert people.check("ann", PASSWORD) is None
    people.add("ann", Role.OPERATOR, PASSWORD)
    text = people.path.read_text()
    assert PASSWORD not in text
    assert people.path.stat().st_mode & 0o077 == 0
    entry = people.check("ann", PASSWORD)
    assert entry is not None
    assert (entry.name, entry.role) == ("ann", "operator")
    assert people.check("ann", PASSWORD + " ") is None
    with pytest.raises(PeopleError, match="at least 10 characters"):
        people.add("ann", Role.VIEWER, "short")
    people.remove("ann")
    assert people.check("ann", PASSWORD) is None
    with pytest.raises(PeopleError, match="nobody called ann"):
        people.remove("ann")
    people.path.write_text("nonsense\n")
    with pytest.raises(PeopleError, match="cannot be read"):
        people.entries()


def test_users_are_kept_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ["--data-dir", str(tmp_path)]
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    assert user_command.main(["add", "ann", "--role", "operator", *folder]) == 0
    assert user_command.main(["list", *folder]) == 0
    assert user_command.main(["remove", "ann", *folder]) == 0
    assert user_command.main(["remove", "ann", *folder]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == ["ann may log in as operator", "ann  operator", "removed ann"]
    assert said.err == "quarterdeck user: there is nobody called ann\n"


def test_nothing_but_the_login_page_is_shown_to_strangers(locked: Locked) -> None:
    url = locked[0].url
    page = httpx.get(f"{url}/?run=r1", headers=PAGE, verify=PLAIN)
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2F%3Frun%3Dr1")
    assert "<script" not in httpx.get(f"{url}/login", verify=PLAIN).text
    for path in ("/deck/logs.txt", "/deck/logs.jsonl", "/_stcore/health", "/deck/assets/x/deck.js", "/metrics"):
        assert httpx.get(url + path, verify=PLAIN).status_code == 401, path
    for path in ("/deck/live", "/deck/logs", "/_stcore/stream"):
        with pytest.raises(InvalidStatus), connect(url.replace("http", "ws") + path):
            pass
    assert httpx.get(f"{url}/healthz", verify=PLAIN).status_code == 200


def test_a_login_leads_where_one_wanted_to_go_and_only_here(locked: Locked) -> None:
    url = locked[0].url
    assert log_in(url, "otto", next="/?view=logs").headers["location"] == "/?view=logs"
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert log_in(url, "otto", next=elsewhere).headers["location"] == "/"
    wrong = log_in(url, "<b>otto</b>", "wrong password")
    assert wrong.status_code == 401
    assert "&lt;b&gt;otto" in wrong.text
    foreign = httpx.post(f"{url}/login", data={"name": "otto"}, headers={"origin": "http://evil.example"}, verify=PLAIN)
    assert foreign.status_code == 403


def test_who_is_removed_or_changes_the_password_is_out_at_once(locked: Locked) -> None:
    running, people = locked
    people.add("tom", Role.VIEWER, PASSWORD)
    cookies = log_in(running.url, "tom").cookies
    headers = PAGE | {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}

    def status() -> int:
        return httpx.get(running.url, headers=headers, verify=PLAIN).status_code

    assert status() == 200
    address = f"{running.url.replace('http', 'ws')}/deck/live"
    with connect(address, additional_headers={"cookie": headers["cookie"]}) as screen:
        screen.recv(timeout=20)
        people.add("tom", Role.VIEWER, PASSWORD + "!")
        assert status() == 303
        with pytest.raises(ConnectionClosedError, match="log in again"):  # what is open already, too
            list(screen)
    forged = {"cookie": headers["cookie"][:-2] + "xx"}
    assert httpx.get(running.url, headers=PAGE | forged, verify=PLAIN).status_code == 303


def test_a_viewer_looks_and_an_operator_steers(browser: Browser, locked: Locked, home: CollectorProcess) -> None:
    url = locked[0].url
    run = Run(home.otlp, "guarded")
    for name, steers in (("vera", False), ("otto", True)):
        watched = open_page(browser, url)
        page = watched.page
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(f'[data-run="{run.id}"]')).to_be_visible()
        start = page.locator('[data-qd="start-run"]')
        assert start.is_visible() == steers
        if not steers:  # what the browser hides, the server refuses
            start.evaluate("button => button.click()")
            expect(page.get_by_text("You may look, not steer")).to_be_visible()
        assert watched.console_errors == []
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name="Log in")).to_be_visible()
        page.context.close()


def test_a_proxy_names_the_user_and_strangers_cannot(home: CollectorProcess, tmp_path: Path) -> None:
    flags = ("--ui-login", "proxy", "--ui-user-header", "X-Remote-User", "--ui-hosts", "deck.example")
    with dashboard(tmp_path, home.otlp, home.clickhouse, *flags) as running:
        asked = {"host": "deck.example", "x-remote-user": "ann"}
        assert httpx.get(running.url, headers=asked, verify=PLAIN).status_code == 200
        nobody = httpx.get(running.url, headers={"host": "deck.example"}, verify=PLAIN)
        assert (nobody.status_code, "X-Remote-User" in nobody.text) == (401, True)
        assert httpx.get(running.url, headers=asked | {"host": "evil.example"}, verify=PLAIN).status_code == 421
    with dashboard(tmp_path, home.otlp, home.clickhouse, *flags, "--ui-trusted-proxies", "10.0.0.0/8") as running:
        assert httpx.get(running.url, headers=asked, verify=PLAIN).status_code == 403


def test_an_open_door_is_refused_at_the_start() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "quarterdeck_ui", "--host", "0.0.0.0", "--ui-port", str(free_ports(1)[0])],  # noqa: S104 - refused
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert found.returncode == 2
    assert "let people log in (--ui-login password, oidc or proxy)" in found.stderr
