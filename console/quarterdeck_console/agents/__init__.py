"""``quarterdeck mcp``: a Model Context Protocol server, by which coding agents read runs, errors, costs and prompts.

Everything that a run recorded was written by programs, by their users and by models. It is handed on in fields whose
names begin with ``untrusted_``, without secrets and cut to a size: an agent can tell it from what this server says.
"""
