"""Dashboards that readers put together: which measure, by what, of which calls, drawn how."""
