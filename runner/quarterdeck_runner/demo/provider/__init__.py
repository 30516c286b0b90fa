"""A local server that speaks the wire protocols of Anthropic Messages and Gemini.

The unmodified ``anthropic`` and ``google-genai`` clients talk to it. Answers are computed from the prompt;
directives in the prompt, such as ``[[error:429]]``, steer it (see :mod:`.directives`).
"""

from quarterdeck_runner.demo.provider.app import create_app

__all__ = ["create_app"]
