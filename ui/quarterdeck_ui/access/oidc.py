"""An OpenID Connect provider as the dashboard sees it, and what becomes of its words; Authlib speaks with it."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from authlib.integrations.base_client.errors import MismatchingStateError
from authlib.integrations.starlette_client import OAuth, OAuthError
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from quarterdeck_ui.access.members import claim, words
from quarterdeck_ui.settings import OIDC_METADATA, Settings

SECRET: Final = "QUARTERDECK_UI_OIDC_SECRET"  # noqa: S105 - the name of a variable
"""From the environment only: a flag would show it in the list of processes."""

_PATIENCE_S: Final = 10.0
_CLOCKS_DIFFER_S: Final = 60


class LoginError(Exception):
    """Nobody comes in so; the message says why.

    Args:
        message: For the person at the door.
        status: Of the answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for."""

    name: str
    groups: tuple[str, ...]


class Provider:
    """Authorization code flow with PKCE, state and nonce; identity tokens are checked by signature and claims.

    Args:
        settings: Issuer, client and claims.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.issuer = settings.ui_oidc_issuer.removesuffix(OIDC_METADATA).rstrip("/")
        secret = os.environ.get(SECRET) or None
        self._client: Any = OAuth().register(
            "quarterdeck",
            client_id=settings.ui_oidc_client_id,
            client_secret=secret,
            server_metadata_url=self.issuer + OIDC_METADATA,
            client_kwargs={
                "scope": settings.ui_oidc_scope,
                "code_challenge_method": "S256",
                "timeout": _PATIENCE_S,
                **({} if secret else {"token_endpoint_auth_method": "none"}),
            },
        )

    async def send_to_login(self, request: Request, back: str) -> Response:
        """Send the browser to the provider, which sends it on to ``back``.

        Raises:
            LoginError: The provider does not answer, or is another one.
        """
        with _explained(self.issuer):
            await self._metadata()
            answer: Response = await self._client.authorize_redirect(request, back)
            return answer

    async def vouched(self, request: Request) -> Vouched:
        """Whom the provider has sent back with this request.

        Raises:
            LoginError: The login was not begun here, was refused, or cannot be believed.
        """
        with _explained(self.issuer):
            trusted = {"iss": {"values": [await self._metadata()]}, "aud": {"value": self._settings.ui_oidc_client_id}}
            token = await self._client.authorize_access_token(request, claims_options=trusted, leeway=_CLOCKS_DIFFER_S)
            if "userinfo" not in token:
                raise LoginError(f"{self.issuer} sent no identity token", 502)
            return self._meant(await self._completed(token))

    async def send_to_logout(self, request: Request, back: str) -> Response | None:
        """Send the browser to where the provider ends its own session; None if it has no such place or is away."""
        try:
            await self._metadata()
            client_id = self._settings.ui_oidc_client_id
            answer: Response = await self._client.logout_redirect(request, back, client_id=client_id)
        except (httpx2.HTTPError, ValueError, RuntimeError, LoginError):
            return None
        return answer

    async def _metadata(self) -> str:
        """Read the provider's description once, and give the issuer in it."""
        issuer = str((await self._client.load_server_metadata()).get("issuer", ""))
        if issuer.rstrip("/") != self.issuer:
            raise LoginError(
                f"{self.issuer} calls itself {issuer or 'nothing'}; QUARTERDECK_UI_OIDC_ISSUER is wrong", 502
            )
        return issuer

    async def _completed(self, token: Mapping[str, Any]) -> Mapping[str, Any]:
        """The claims of the identity token, with those that the provider tells at its userinfo endpoint only."""
        claims: Mapping[str, Any] = token["userinfo"]
        wanted = (self._settings.ui_oidc_name, self._settings.ui_oidc_groups)
        if all(claim(claims, each) is not None for each in wanted):
            return claims
        if "userinfo_endpoint" not in self._client.server_metadata:
            return claims
        more = await self._client.userinfo(token=token)
        return {**more, **claims} if more.get("sub") == claims["sub"] else claims

    def _meant(self, claims: Mapping[str, Any]) -> Vouched:
        path = self._settings.ui_oidc_name
        name = claim(claims, path)
        if not isinstance(name, str) or not name.strip():
            raise LoginError(
                f"{self.issuer} did not tell the claim {path!r}: QUARTERDECK_UI_OIDC_NAME names another, "
                "QUARTERDECK_UI_OIDC_SCOPE asks for more",
                403,
            )
        if path == "email" and str(claims.get("email_verified")).lower() == "false":
            raise LoginError(f"{self.issuer} has not verified that {name} is yours", 403)
        return Vouched(name.strip(), tuple(words(claim(claims, self._settings.ui_oidc_groups))))


@contextlib.contextmanager
def _explained(issuer: str) -> Iterator[None]:
    """What goes wrong with a provider, in words for the person at the door."""
    try:
        yield
    except MismatchingStateError as error:
        text = "This login was not begun in this browser, or it took too long. Try again."
        raise LoginError(text, 400) from error
    except OAuthError as error:
        raise LoginError(f"{issuer} refused: {error.description or error.error}", 403) from error
    except httpx2.HTTPStatusError as error:
        raise LoginError(f"{issuer} answered {error.response.status_code}. Try again later.", 503) from error
    except httpx2.HTTPError as error:
        raise LoginError(f"{issuer} does not answer. Try again later.", 503) from error
    except JoseError as error:
        raise LoginError(f"The answer of {issuer} cannot be believed: {error}", 401) from error
    except (RuntimeError, ValueError) as error:
        raise LoginError(f"{issuer} does not speak OpenID Connect: {error}", 502) from error
