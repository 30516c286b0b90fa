"""Pipelines in the terminal: ``quarterdeck validate`` and ``quarterdeck run``."""
