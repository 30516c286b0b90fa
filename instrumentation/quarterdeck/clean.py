"""Spans and resources without secrets; what holds none comes back as it is."""

from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status

from quarterdeck.redaction import Redactor


def clean_span(span: ReadableSpan, redactor: Redactor) -> ReadableSpan:
    """Give ``span`` itself when it holds no secret, else a copy without them."""
    name = redactor.text("name", span.name)
    attributes = redactor.attributes(span.attributes)
    events = [_clean_event(event, redactor) for event in span.events]
    links = [_clean_link(link, redactor) for link in span.links]
    resource = clean_resource(span.resource, redactor)
    description = span.status.description
    said = redactor.text("status", description) if description else description
    pairs: list[tuple[Any, Any]] = [*zip(events, span.events, strict=True), *zip(links, span.links, strict=True)]
    pairs += [(attributes, span.attributes), (resource, span.resource)]
    if all(a is b for a, b in pairs) and (said, name) == (description, span.name):
        return span
    return ReadableSpan(
        name=name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=resource,
        attributes=attributes,
        events=events,
        links=links,
        kind=span.kind,
        status=Status(span.status.status_code, said),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def clean_resource(resource: Resource, redactor: Redactor) -> Resource:
    """Give ``resource`` itself when it holds no secret, else a copy without them."""
    attributes = redactor.attributes(resource.attributes)
    return resource if attributes is resource.attributes else Resource(attributes, resource.schema_url)


def _clean_event(event: Event, redactor: Redactor) -> Event:
    attributes = redactor.attributes(event.attributes)
    return event if attributes is event.attributes else Event(event.name, attributes, event.timestamp)


def _clean_link(link: Link, redactor: Redactor) -> Link:
    attributes = redactor.attributes(link.attributes)
    return link if attributes is link.attributes else Link(link.context, attributes)
