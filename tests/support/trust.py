"""Which authorities the clients of the suite trust: one, for they speak to this machine only.

Each client of httpx reads every certificate that it might need, which takes 20 ms; tests make thousands of clients.
"""

import os
import tempfile
from pathlib import Path

import certifi

_NAME = "SSL_CERT_FILE"
_END = "-----END CERTIFICATE-----\n"
_of_the_user = os.environ.get(_NAME)


def trust_one_authority() -> None:
    """Have this process and those that it starts read one certificate instead of a hundred and fifty."""
    file = Path(tempfile.mkdtemp(prefix="quarterdeck-trust-")) / "one.pem"
    file.write_text(Path(certifi.where()).read_text("utf-8").partition(_END)[0] + _END, "utf-8")
    os.environ[_NAME] = str(file)


def environment_for_the_world() -> dict[str, str]:
    """The environment of a program that does speak to other machines, as pip does."""
    rest = {name: value for name, value in os.environ.items() if name != _NAME}
    return rest | ({_NAME: _of_the_user} if _of_the_user else {})
