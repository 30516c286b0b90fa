"""OTLP over HTTP, protobuf: bytes that are encoded already, and what the endpoint thinks of them."""

import email.utils
import gzip
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from quarterdeck.answers import Answer, rejected, unobserved
from quarterdeck.otlp_target import Target

if TYPE_CHECKING:
    import requests

_PROTOBUF: Final = "application/x-protobuf"
_FASTEST: Final = 1
_REDIRECTED: Final = 300
_TOO_LARGE: Final = 413
_FOR_GOOD: Final = (400, 413, 415, 422)
_DENIED: Final = (401, 403)
_UNKNOWN: Final = 404

_COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda body: gzip.compress(body, _FASTEST, mtime=0),
    "deflate": zlib.compress,
    "none": bytes,
}


class HttpTransport:
    """Posts requests to one target.

    Args:
        target: where to, and how.
    """

    def __init__(self, target: Target) -> None:
        import netrc  # noqa: F401 - requests imports it as late as it can: in the midst of sending, where a fork may come

        import requests

        self._target = target
        self._session = requests.Session()
        if target.client_certificate:
            pair = (target.client_certificate, target.client_key)
            self._session.cert = pair if target.client_key else target.client_certificate
        self._headers = {"content-type": _PROTOBUF, "user-agent": "quarterdeck", **dict(target.headers)}
        if target.compression != "none":
            self._headers["content-encoding"] = target.compression

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Post one request.

        Args:
            body: an encoded export request.
            timeout_s: seconds to wait at most.
        """
        import requests

        data = _COMPRESS[self._target.compression](body)
        try:
            with unobserved():
                try:
                    answer = self._post(data, timeout_s)
                except requests.exceptions.ConnectionError as error:
                    if isinstance(error, requests.exceptions.Timeout):
                        raise
                    # The other end may have closed a connection that was kept from an earlier request.
                    answer = self._post(data, timeout_s)
        except requests.exceptions.Timeout:
            return Answer(reason=f"no answer within {timeout_s:g} s")
        except (requests.exceptions.RequestException, OSError) as error:
            refused = isinstance(error, requests.exceptions.ConnectionError)
            absent = refused and not isinstance(error, (requests.exceptions.SSLError, requests.exceptions.ProxyError))
            return Answer(reason=str(error) or type(error).__name__, absent=absent)
        return self._read(answer)

    def _post(self, data: bytes, timeout_s: float) -> "requests.Response":
        return self._session.post(
            self._target.url,
            data=data,
            headers=self._headers,
            timeout=timeout_s,
            allow_redirects=False,
            verify=self._target.certificate or None,  # of a session, REQUESTS_CA_BUNDLE would win over it
        )

    def _read(self, answer: "requests.Response") -> Answer:
        code = answer.status_code
        if code < _REDIRECTED:
            return rejected(self._target.signal, answer.content)
        return Answer(
            final=code in _FOR_GOOD,
            too_large=code == _TOO_LARGE,
            denied=code in _DENIED,
            unknown=code == _UNKNOWN,
            reason=f"HTTP {code} {answer.reason}",
            pause_s=_retry_after(answer.headers.get("retry-after", "")),
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _retry_after(value: str) -> float:
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
