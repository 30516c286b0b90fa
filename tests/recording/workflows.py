"""Whole traces: a workflow with steps, a tool and model calls, by the means that each library has for it."""

from typing import Any

from recording import claude
from recording.texts import CLAUDE, SAY

CITY = "Brest"


def _write(client: Any, facts: str) -> str:
    asked = claude.ask(SAY)
    asked["messages"][0]["content"] = f"Facts: {facts}. {asked['messages'][0]['content']}"
    return str(client.messages.create(**asked).content[0].text)


def traceloop(client: Any) -> None:
    from traceloop.sdk.decorators import agent, task, tool, workflow

    @tool(name="look_up")
    def look_up(city: str) -> str:
        return f"{city}: 18 degrees"

    @task(name="write")
    def write(facts: str) -> str:
        return _write(client, facts)

    @agent(name="editor")
    def edit(text: str) -> str:
        return _write(client, text)

    @workflow(name="weather-brief")
    def brief(city: str) -> str:
        return edit(write(look_up(city)))

    brief(CITY)


def openinference(client: Any) -> None:
    from openinference.instrumentation import OITracer, TraceConfig, using_attributes
    from opentelemetry import trace

    tracer = OITracer(trace.get_tracer("weather"), config=TraceConfig())

    @tracer.tool(name="look_up")
    def look_up(city: str) -> str:
        return f"{city}: 18 degrees"

    @tracer.chain(name="write")
    def write(facts: str) -> str:
        return _write(client, facts)

    @tracer.agent(name="weather-brief")
    def brief(city: str) -> str:
        return write(look_up(city))

    with using_attributes(session_id="session-1", user_id="user-1"):
        brief(CITY)


def logfire(client: Any) -> None:
    import logfire as fire

    with fire.span("weather brief for {city}", city=CITY):
        with fire.span("look up"):
            facts = f"{CITY}: 18 degrees"
        with fire.span("write"):
            _write(client, facts)


def genai(client: Any) -> None:
    from opentelemetry import trace
    from opentelemetry.util.genai.handler import TelemetryHandler

    handler = TelemetryHandler(tracer_provider=trace.get_tracer_provider())
    with (
        handler.workflow("weather-brief"),
        handler.invoke_local_agent(request_model=CLAUDE, agent_name="writer"),
    ):
        with handler.tool("look_up") as tool:
            tool.arguments = {"city": CITY}
            tool.tool_result = f"{CITY}: 18 degrees"
        _write(client, f"{CITY}: 18 degrees")


def quarterdeck(client: Any) -> None:
    import quarterdeck as qd

    @qd.step
    def write(facts: str) -> str:
        return _write(client, facts)

    @qd.pipeline(name="weather-brief")
    def brief(city: str) -> str:
        return write(f"{city}: 18 degrees")

    brief(CITY)
