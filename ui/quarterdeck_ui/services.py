"""What page scripts may use of the process they run in; set once at start."""

from dataclasses import dataclass

from quarterdeck.runner_client import RunnerClient
from quarterdeck_ui.access.door import Access
from quarterdeck_ui.queries import Store
from quarterdeck_ui.saved import Saved
from quarterdeck_ui.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Settings of the dashboard, what it reads and steers, and who may."""

    settings: Settings
    store: Store
    runner: RunnerClient
    saved: Saved
    access: Access


_current: list[Services] = []


def use(services: Services) -> None:
    """Make these the services of the process."""
    _current[:] = [services]


def current() -> Services:
    """The services of the process.

    Raises:
        RuntimeError: the page runs outside ``quarterdeck ui``.
    """
    if not _current:
        raise RuntimeError("this page runs inside the dashboard: start it with `quarterdeck ui`")
    return _current[0]
