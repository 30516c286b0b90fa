"""OTLP in: bytes to acknowledged requests."""
