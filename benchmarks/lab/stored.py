"""What a store holds of a load, over every table that is made of spans."""

from typing import Final

from lab.load import Load

Counts = tuple[int, ...]

QUERY: Final = """
SELECT
    (SELECT count() FROM quarterdeck.otel_traces),
    (SELECT sum(Spans) FROM quarterdeck.runs),
    (SELECT count() FROM quarterdeck.model_calls),
    (SELECT sum(ModelCalls) FROM quarterdeck.runs),
    (SELECT sum(Calls) FROM quarterdeck.llm_1m),
    (SELECT sum(Calls) FROM quarterdeck.llm_1h),
    (SELECT sum(Errors) FROM quarterdeck.error_groups)
"""


def expected(load: Load) -> Counts:
    """What :data:`QUERY` answers when nothing is missing and nothing is there twice."""
    return load.spans, load.spans, load.calls, load.calls, load.calls, load.calls, load.failed
