"""Watch and steer AI pipelines.

>>> import quarterdeck as qd
>>> qd.init()
>>> @qd.step
... def summarise(text: str) -> str: ...
>>> @qd.pipeline
... def digest(text: str) -> str:
...     return summarise(text)
"""

from quarterdeck.config import flush, init, shutdown
from quarterdeck.context import current_run, current_step
from quarterdeck.decorators import pipeline, step
from quarterdeck.gate import RunCancelled
from quarterdeck.processes import carry
from quarterdeck.prompt import Prompt
from quarterdeck.providers import instrument
from quarterdeck.scores import score

__all__ = [
    "Prompt",
    "RunCancelled",
    "carry",
    "current_run",
    "current_step",
    "flush",
    "init",
    "instrument",
    "pipeline",
    "score",
    "shutdown",
    "step",
]
