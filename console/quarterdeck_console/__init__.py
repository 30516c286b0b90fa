"""Runs read from outside a browser: in the terminal, by scripts and by coding agents.

Everything here speaks HTTP to a collector and writes nothing: ``tail`` follows its live events, ``query`` and the MCP
server ask its ClickHouse.
"""
