"""Alerts: rules with how they stand, an editor that tries them on the past, channels, and what was told."""
