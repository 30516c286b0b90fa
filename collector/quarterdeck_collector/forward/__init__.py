"""Passing on what was received to other OTLP endpoints: clean spans, at least once, each at its own pace."""
