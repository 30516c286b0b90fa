"""What the routes work with."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from quarterdeck_runner.batches import Batches
from quarterdeck_runner.catalogue import Catalogue
from quarterdeck_runner.engine import Engine
from quarterdeck_runner.heartbeats import Heartbeats
from quarterdeck_runner.keys import Keys
from quarterdeck_runner.ledger import Ledger
from quarterdeck_runner.prediction import Predictor
from quarterdeck_runner.providers import Providers
from quarterdeck_runner.request_store import Requests


@dataclass(frozen=True)
class Parts:
    """The parts of the runner."""

    engine: Engine
    batches: Batches
    ledger: Ledger
    predictor: Predictor
    catalogue: Catalogue
    heartbeats: Heartbeats
    keys: Keys
    providers: Providers
    requests: Requests


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Runner = Annotated[Parts, Depends(_parts)]
"""Parameter of a route that needs the runner."""
