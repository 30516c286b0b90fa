"""The decorators of other libraries, as subjects of ``decorated_call.py``.

Each is told to send to the same local sink, without instrumenting anything else, in the way its documentation shows.
None of them is a dependency of ours: each runs where it can be imported, or in a virtual environment of its own.
"""

import os
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from decorated_subjects import PROMPT, Prepared, Subject, answered, batch_processor, standard_provider


def prepared(decorated: Callable[[str], object], flush: Callable[[], object]) -> Prepared:
    return Prepared(lambda: decorated(PROMPT), flush)


def traceloop(endpoint: str) -> Prepared:
    os.environ["TRACELOOP_TELEMETRY"] = "false"
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import task

    processor = batch_processor(endpoint)
    Traceloop.init(app_name="benchmark", processor=processor, instruments=set())
    return prepared(task(name="summarise")(answered), processor.force_flush)


def openinference(endpoint: str) -> Prepared:
    from openinference.instrumentation import TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(batch_processor(endpoint))
    return prepared(provider.get_tracer("benchmark").chain(answered), provider.force_flush)


def openlit(endpoint: str) -> Prepared:
    provider = standard_provider(endpoint)
    import openlit as lit

    # Without a file of prices it would ask the internet for them.
    lit.init(otlp_endpoint=endpoint, disable_metrics=True, disable_events=True, pricing_json=os.devnull)
    return prepared(lit.trace(answered), provider.force_flush)


def langfuse(endpoint: str) -> Prepared:
    from langfuse import Langfuse, observe

    client = Langfuse(public_key="pk-lf-benchmark", secret_key="benchmark", base_url=endpoint)  # noqa: S106
    return prepared(observe()(answered), client.flush)


def logfire(endpoint: str) -> Prepared:
    import logfire as fire

    processor = batch_processor(endpoint)
    fire.configure(send_to_logfire=False, console=False, metrics=False, additional_span_processors=[processor])
    return prepared(fire.instrument("summarise", record_return=True)(answered), processor.force_flush)


def mlflow(endpoint: str) -> Prepared:
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{endpoint}/v1/traces"
    os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
    import mlflow as flow
    from mlflow.tracing import provider

    tracer: Any = provider.provider.get_or_init_tracer("benchmark")
    return prepared(flow.trace(answered), tracer.span_processor.force_flush)


def lmnr(endpoint: str) -> Prepared:
    from lmnr import Laminar, observe

    where = urlsplit(endpoint)
    Laminar.initialize(
        project_api_key="benchmark",
        base_url=f"http://{where.hostname}",
        http_port=where.port,
        force_http=True,
        instruments=set(),
    )
    return prepared(observe()(answered), Laminar.flush)


PEERS: Final[dict[str, Subject]] = {
    "traceloop-sdk": traceloop,
    "openinference-instrumentation": openinference,
    "openlit": openlit,
    "langfuse": langfuse,
    "logfire": logfire,
    "mlflow": mlflow,
    "lmnr": lmnr,
}
"""By the name of the distribution, which is also the name of its virtual environment."""
