"""The way in that the settings choose."""

from starlette.routing import Route

from quarterdeck_ui.access.door import Access
from quarterdeck_ui.access.login import Login
from quarterdeck_ui.access.members import Members, listed
from quarterdeck_ui.access.people import PasswordFile
from quarterdeck_ui.access.sessions import PasswordSessions, secret_of
from quarterdeck_ui.settings import Settings


def entrance(settings: Settings) -> tuple[Access, list[Route]]:
    """Who may come in, and the routes by which they do; none where a proxy or nobody asks."""
    if settings.ui_login == "password":
        people = PasswordFile(settings.users_file)
        sessions = PasswordSessions(people, secret_of(settings.secret_file))
        access = Access(settings, sessions)
        return access, Login(access, people, sessions).routes()
    if settings.ui_login == "oidc":
        return _oidc(settings)
    return Access(settings), []


def _oidc(settings: Settings) -> tuple[Access, list[Route]]:
    # Imported where it is asked for: Authlib costs every start a quarter of a second otherwise.
    from quarterdeck_ui.access.oidc import Provider
    from quarterdeck_ui.access.oidc_login import OidcLogin, OidcSessions

    secret = secret_of(settings.secret_file)
    sessions = OidcSessions(Members(listed(settings.ui_operators), listed(settings.ui_viewers)), secret)
    access = Access(settings, sessions)
    return access, OidcLogin(access, Provider(settings), sessions, secret).routes()
