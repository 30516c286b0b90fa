"""Failures by cause, what to do about each, and what happened around it."""
