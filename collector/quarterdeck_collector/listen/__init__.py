"""``GET /v1/live``: events to whoever listens, as they arrive and from where a listener was."""
