"""The providers' own clients, one for each key; none follows a redirect, which would take the key with it."""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import httpx

from quarterdeck_runner.keys import Credential, Keys
from quarterdeck_runner.models import Provider

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from google import genai

_NO_REDIRECTS: Final[dict[str, Any]] = {"follow_redirects": False}


class Clients:
    """Makes clients at first use, and anew when their key has changed.

    Args:
        keys: where keys are.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._made: dict[tuple[Provider, str], tuple[str, Any]] = {}

    async def claude(self, profile: str) -> "AsyncAnthropic":
        """The client for Claude.

        Args:
            profile: whose key.

        Raises:
            NoKeyError: there is no key.
        """
        return await self._client("claude", profile, _import_anthropic, _claude)  # type: ignore[no-any-return]

    async def gemini(self, profile: str) -> "genai.Client":
        """The client for Gemini.

        Args:
            profile: whose key.

        Raises:
            NoKeyError: there is no key.
        """
        return await self._client("gemini", profile, _import_genai, _gemini)  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Give the connections back."""
        made, self._made = self._made, {}
        for (provider, _), (_, client) in made.items():
            await _close(provider, client)

    async def _client(
        self, provider: Provider, profile: str, load: Callable[[], Any], make: Callable[[Any, Credential], Any]
    ) -> Any:
        credential = await asyncio.to_thread(self._keys.credential, provider, profile)
        mark = hashlib.sha256(f"{credential.base_url} {credential.key}".encode()).hexdigest()
        library = await _in_thread(load)
        known = self._made.get((provider, profile))
        if known is None or known[0] != mark:
            # A client whose key was replaced may still be answering somebody: it goes when nobody holds it.
            known = self._made[provider, profile] = (mark, make(library, credential))
        return known[1]


async def _close(provider: Provider, client: Any) -> None:
    if provider == "claude":
        await client.close()
    else:
        await client.aio.aclose()
        await client._api_client._async_httpx_client.aclose()  # noqa: SLF001 - ours, which it does not close
        client.close()


def _claude(anthropic: Any, credential: Credential) -> Any:
    http = anthropic.DefaultAsyncHttpxClient(**_NO_REDIRECTS)
    # auth_token outright: one in the environment would go along with every key.
    client = anthropic.AsyncAnthropic(api_key=credential.key, base_url=credential.base_url, http_client=http)
    client.auth_token = None
    return client


def _gemini(genai: Any, credential: Credential) -> Any:
    # Given a client, it does not look for aiohttp, which would follow redirects.
    http = httpx.AsyncClient(**_NO_REDIRECTS)
    options = genai.types.HttpOptions(base_url=credential.base_url, httpx_async_client=http)
    # Named outright: with both keys in the environment the client prefers GOOGLE_API_KEY.
    return genai.Client(api_key=credential.key, vertexai=False, http_options=options)


def warm_up() -> None:
    """Import the clients, which takes a second or two: done behind the back of the first run."""
    _import_anthropic()
    _import_genai()


async def _in_thread(load: Callable[[], Any]) -> Any:
    """Import in a daemon thread: the process may end without waiting for it, unlike for a thread of an executor."""
    loop = asyncio.get_running_loop()
    loaded: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if loaded.done():
            return
        if error is None:
            loaded.set_result(result)
        else:
            loaded.set_exception(error)

    def work() -> None:
        try:
            outcome: tuple[Any, BaseException | None] = (load(), None)
        except BaseException as error:  # noqa: BLE001 - handed over to the waiting task
            outcome = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=work, name="quarterdeck-import", daemon=True).start()
    return await loaded


def _import_anthropic() -> Any:
    import anthropic

    return anthropic


def _import_genai() -> Any:
    from google import genai

    return genai
