"""How each library is switched on, as its own documentation says; content of prompts and answers is captured."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CONTENT = {"ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content"}
"""Makes the Anthropic client's own spans carry prompts and answers."""


@dataclass(frozen=True)
class Setup:
    """A library that is switched on: how to send what it has, and under which names it makes spans by hand."""

    flush: Callable[[], Any]
    provider: Any = None


def open_telemetry(url: str) -> Setup:
    """The OpenTelemetry SDK with an exporter to the recorder, for libraries that bring no SDK of their own."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "recorded"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    trace.set_tracer_provider(provider)
    return Setup(provider.force_flush, provider)


def genai(url: str) -> Setup:
    """The official instrumentors of whichever generation is installed."""
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    setup = open_telemetry(url)
    try:
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

        AnthropicInstrumentor().instrument(tracer_provider=setup.provider)
    except ImportError:
        pass
    try:
        from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor

        GoogleGenAiSdkInstrumentor().instrument(tracer_provider=setup.provider, skip_dep_check=True)
    except ImportError:
        pass
    return setup


def genai_old(url: str) -> Setup:
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "true"
    setup = open_telemetry(url)
    from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor

    GoogleGenAiSdkInstrumentor().instrument(tracer_provider=setup.provider, skip_dep_check=True)
    return setup


def openinference(url: str) -> Setup:
    setup = open_telemetry(url)
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=setup.provider, skip_dep_check=True)
    GoogleGenAIInstrumentor().instrument(tracer_provider=setup.provider, skip_dep_check=True)
    return setup


def genai_and_openinference(url: str) -> Setup:
    setup = genai(url)
    from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

    GoogleGenAIInstrumentor().instrument(tracer_provider=setup.provider, skip_dep_check=True)
    return setup


def openinference_both(url: str) -> Setup:
    """OpenInference told to write the OpenTelemetry names too."""
    os.environ["OPENINFERENCE_ENABLE_GENAI_SEMCONV"] = "true"
    return openinference(url)


def openllmetry(url: str) -> Setup:
    setup = open_telemetry(url)
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.google_generativeai import GoogleGenerativeAiInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=setup.provider, skip_dep_check=True)
    GoogleGenerativeAiInstrumentor().instrument(tracer_provider=setup.provider, skip_dep_check=True)
    return setup


def traceloop(url: str) -> Setup:
    os.environ["TRACELOOP_TRACE_CONTENT"] = "true"
    os.environ["TRACELOOP_TELEMETRY"] = "false"
    from opentelemetry import trace
    from traceloop.sdk import Traceloop
    from traceloop.sdk.instruments import Instruments

    Traceloop.init(
        app_name="recorded",
        api_endpoint=url,
        api_key="key",
        telemetry_enabled=False,
        traceloop_sync_enabled=False,
        instruments={Instruments.ANTHROPIC, Instruments.GOOGLE_GENERATIVEAI},
    )
    provider = trace.get_tracer_provider()
    return Setup(provider.force_flush, provider)  # type: ignore[attr-defined] # the SDK's provider


def logfire(url: str) -> Setup:
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{url}/v1/traces"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    import logfire as fire

    fire.configure(service_name="recorded", send_to_logfire=False, console=False, metrics=False)
    fire.instrument_anthropic()
    fire.instrument_google_genai(skip_dep_check=True)
    return Setup(fire.force_flush)


def langfuse(url: str) -> Setup:
    from langfuse import Langfuse

    client = Langfuse(public_key="pk-lf-1", secret_key="sk-lf-1", base_url=url)
    return Setup(client.flush)


def quarterdeck(url: str) -> Setup:
    import quarterdeck as qd
    from quarterdeck import config

    qd.init(endpoint=url, service_name="recorded")
    return Setup(config.flush)


def quarterdeck_and_openinference(url: str) -> Setup:
    setup = quarterdeck(url)
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

    AnthropicInstrumentor().instrument(skip_dep_check=True)
    GoogleGenAIInstrumentor().instrument(skip_dep_check=True)
    return setup
