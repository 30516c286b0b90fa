"""A small OpenID Connect provider: redirects, PKCE, tokens signed with RS256; it can lie on request."""

import base64
import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from support.servers import serve

CLIENT, SECRET = "deck", "a secret of the client"

Claims = dict[str, Any]


@dataclass
class OidcProvider:
    """Knows people and who of them is logged in; ``distort`` changes what its tokens say."""

    people: dict[str, Claims]
    url: str = ""
    distort: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[["OidcProvider"], RSAKey] = lambda provider: provider.key
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    logged_out: int = 0

    def application(self) -> Starlette:
        """Its endpoints."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
                Route("/logout", self._logout),
            ]
        )

    async def _metadata(self, _request: Request) -> Response:
        places = {"authorization": "authorize", "token": "token", "userinfo": "userinfo", "end_session": "logout"}
        return JSONResponse(
            {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["RS256"],
                **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in places.items()},
            }
        )

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        """Ask who it is, then send the browser back with a code."""
        asked = dict(request.query_params)
        if name := asked.pop("as", ""):
            code = secrets.token_urlsafe()
            self.codes[code] = {**asked, "sub": name}
            return RedirectResponse(
                f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 303
            )
        links = [f'<a href="/authorize?{urlencode({**asked, "as": name})}">{name}</a>' for name in self.people]
        return HTMLResponse(f'<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Who?</title>{links}')

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        known = self.codes.pop(str(form["code"]), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        fits = known and (known["code_challenge"], known["redirect_uri"]) == (challenge, form["redirect_uri"])
        if not known or not fits or known["code_challenge_method"] != "S256":
            return JSONResponse({"error": "invalid_grant", "error_description": "the code is of another login"}, 400)
        told = {name: value for name, value in self.people[known["sub"]].items() if name != "groups"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": known["sub"], "iat": now, "exp": now + 300, **told}
        signed = jwt.encode(
            {"alg": "RS256", "kid": "1"}, self.distort({**claims, "nonce": known["nonce"]}), self.sign(self)
        )
        return JSONResponse(
            {"access_token": known["sub"], "token_type": "Bearer", "expires_in": 300, "id_token": signed}
        )

    async def _userinfo(self, request: Request) -> Response:
        """Groups are told here only, as large providers do."""
        sub = request.headers["authorization"].removeprefix("Bearer ")
        return JSONResponse({"sub": sub, **self.people[sub]})

    async def _logout(self, request: Request) -> Response:
        self.logged_out += 1
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 303)


@contextlib.contextmanager
def oidc_provider(people: dict[str, Claims]) -> Iterator[OidcProvider]:
    """Serve a provider that knows these people by their ``sub``."""
    provider = OidcProvider(people)
    with serve(provider.application()) as url:
        provider.url = url
        yield provider
