"""Spans and resources without secrets; what holds none comes back as it is."""

from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status

from quarterdeck.redaction import Redactor


def clean_spans(spans: Iterable[ReadableSpan], redactor: Redactor) -> Iterator[ReadableSpan]:
    """Give each span itself when it holds no secret, else a copy without them."""
    resources: dict[int, Resource] = {}  # as a rule one for all
    for span in spans:
        resource = resources.get(id(span.resource))
        if resource is None:
            resource = resources[id(span.resource)] = clean_resource(span.resource, redactor)
        yield _clean_span(span, resource, redactor)


def _clean_span(span: ReadableSpan, resource: Resource, redactor: Redactor) -> ReadableSpan:
    # Each look at a property of a span makes a copy, and each at an attribute asks for it through three methods.
    given = span._attributes  # noqa: SLF001
    found = given.copy() if isinstance(given, (dict, BoundedAttributes)) else dict(given or {})
    name, attributes = redactor.text("name", span.name), redactor.attributes(found)
    all_events, all_links = span.events, span.links
    events = [_clean_event(event, redactor) for event in all_events]
    links = [_clean_link(link, redactor) for link in all_links]
    description = span.status.description
    said = redactor.text("status", description) if description else description
    pairs: list[tuple[Any, Any]] = [*zip(events, all_events, strict=True), *zip(links, all_links, strict=True)]
    pairs += [(attributes, found), (resource, span.resource)]
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
