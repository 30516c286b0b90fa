"""Months of runs with a rhythm, made inside ClickHouse and put through every view; facts are planted on request."""

from support.past.facts import FACTS, SITES, Fact, Site
from support.past.make import DATABASE, Past, make
from support.past.plan import PIPELINES

__all__ = ["DATABASE", "FACTS", "PIPELINES", "SITES", "Fact", "Past", "Site", "make"]
