"""What to do about an error of each category: the setting to change, by its name, and why we think so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from quarterdeck_ui.queries import ErrorGroup


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when advice is asked for.

    Args:
        group: The errors.
        step: Name of the step that failed; empty if it was none.
        kind: Type of the YAML step; ``python`` for decorated code.
        provider: Who was asked; empty if nobody.
        model: Which model.
        max_tokens: How many tokens the answer might have; 0 if not said.
        finish_reason: Why the answer ended; empty if there was none.
        seconds: How long the failing call or step took.
        resends: How often its client had sent the request again.
        completed: Runs of the pipeline that completed in the range.
    """

    group: ErrorGroup
    step: str = ""
    kind: str = ""
    provider: str = ""
    model: str = ""
    max_tokens: int = 0
    finish_reason: str = ""
    seconds: float = 0.0
    resends: int = 0
    completed: int = 0

    @property
    def is_yaml(self) -> bool:
        """Whether the step is one of a YAML pipeline."""
        return self.kind not in {"", "python", "pipeline"}

    @property
    def vendor(self) -> str:
        """How the runner calls the provider."""
        return "gemini" if self.provider.startswith("gcp") else "claude"


@dataclass(frozen=True, slots=True)
class Setting:
    """Something to change: where, and what it then looks like."""

    where: str
    text: str
    language: str = "yaml"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, what speaks for it, and the settings."""

    title: str
    evidence: str
    settings: tuple[Setting, ...] = ()


def advice(now: Situation) -> Advice:
    """Say what to do about an error."""
    return _ADVISERS.get(now.group.category, _user_code)(now)


def _seen(now: Situation) -> str:
    group = now.group
    status = f"HTTP {group.http_status}, " if group.http_status else ""
    runs = "1 run" if group.runs == 1 else f"{group.runs:,} runs"
    times = "once" if group.errors == 1 else f"{group.errors:,} times in {runs}"
    kind = f"`{group.type}`" if group.type else "no type of error was recorded"
    return f"{status}{kind}, {times}"


def _step(now: Situation, *lines: str) -> Setting:
    text = "\n".join((f"- name: {now.step or 'the step'}", *(f"  {line}" for line in lines)))
    return Setting("in the YAML file, at the step", text)


def _client(now: Situation, claude: str, gemini: str) -> Setting:
    return Setting("in your code, where the client is made", gemini if now.vendor == "gemini" else claude, "python")


def _variable(name: str, value: str, where: str = "in the environment of the runner") -> Setting:
    return Setting(where, f"export {name}={value}", "bash")


_RETRY: Final = "retry: {max_attempts: 5, interval: 5, backoff: exponential}"


def _rate_limit(now: Situation) -> Advice:
    again = f"; its client had already sent it again {now.resends} times" if now.resends else ""
    busiest = max(now.group.trend, default=0)
    settings: tuple[Setting, ...] = (
        Setting(
            "in the environment of the runner: calls a minute, and calls at once",
            f"export QUARTERDECK_PROVIDER_RATE={now.vendor}=60\nexport QUARTERDECK_PROVIDER_CONCURRENCY={now.vendor}=4",
            "bash",
        ),
        _step(now, _RETRY),
    )
    if not now.is_yaml:
        settings = (
            _client(
                now,
                "client = anthropic.Anthropic(max_retries=6)",
                "retry = types.HttpRetryOptions(attempts=6)\n"
                "client = genai.Client(http_options=types.HttpOptions(retry_options=retry))",
            ),
        )
    return Advice(
        "Ask less often, or wait longer before asking again",
        f"{_seen(now)}{again}; at most {busiest:,} within one bar of the trend. The provider counts requests and "
        "tokens a minute, of all your runs together.",
        settings,
    )


def _overload(now: Situation) -> Advice:
    settings: tuple[Setting, ...] = (_step(now, _RETRY, _other_model(now)),)
    if not now.is_yaml:
        settings = (
            _client(
                now,
                "client = anthropic.Anthropic(max_retries=6)",
                "retry = types.HttpRetryOptions(attempts=6)\n"
                "client = genai.Client(http_options=types.HttpOptions(retry_options=retry))",
            ),
        )
    model = f" `{now.model}` was asked." if now.model else ""
    return Advice(
        "Wait and ask again, or let another model step in", f"{_seen(now)}.{model} It is not your fault.", settings
    )


def _smaller(now: Situation) -> str:
    return "gemini-3.8-flash" if now.vendor == "gemini" else "haiku"


def _other_model(now: Situation) -> str:
    """The line that lets another model answer; Gemini's steps know no fallback."""
    return (
        f"model: {_smaller(now)}" if now.vendor == "gemini" else f"claude_options: {{fallback_model: {_smaller(now)}}}"
    )


def _auth(now: Situation) -> Advice:
    variable = "GEMINI_API_KEY" if now.vendor == "gemini" else "ANTHROPIC_API_KEY"
    where = "in the environment of the runner" if now.is_yaml else "in the environment of your program"
    return Advice(
        "Set a key that works, and look at the account behind it",
        f"{_seen(now)}. Trying again does not help: the provider refuses the key, or what it pays for.",
        (
            _variable(variable, "…", where),
            Setting("or for the runner, kept in its key store (the key itself as JSON on standard input)",
                    f"curl -X PUT http://127.0.0.1:8700/v1/providers/{now.vendor}/keys/default --json @-", "bash"),
        ),
    )  # fmt: skip


def _timeout(now: Situation) -> Advice:
    longer = max(30, round(now.seconds * 3))
    took = f" It was given up after {now.seconds:.1f} s." if now.seconds else ""
    code = _client(
        now,
        f"client = anthropic.Anthropic(timeout={longer})",
        f"client = genai.Client(http_options=types.HttpOptions(timeout={longer * 1000}))",
    )
    return Advice(
        "Give it more time, or less to do",
        f"{_seen(now)}.{took}",
        (_step(now, f"timeout: {longer}", _RETRY),) if now.is_yaml else (code,),
    )


def _context_length(now: Situation) -> Advice:
    settings: tuple[Setting, ...] = (
        _step(now, "token_budget: {max_input_tokens: 150000}"),
        Setting("in its prompt: a part of an earlier result instead of all of it",
                "- {type: previous_response, step: …, extract: summary}"),
    )  # fmt: skip
    if not now.is_yaml:
        tokens = 'client.messages.count_tokens(model="…", messages=messages).input_tokens'
        settings = (_client(now, tokens, 'client.models.count_tokens(model="…", contents=contents).total_tokens'),)
    model = f" of `{now.model}`" if now.model else ""
    return Advice(
        "Send less: the prompt is longer than the model reads",
        f"{_seen(now)}. See the call below for which part of the prompt{model} is the longest; `max_input_tokens` "
        "makes a run stop before it pays for such a call.",
        settings,
    )


def _content_filter(now: Situation) -> Advice:
    reason = f", finish reason `{now.finish_reason}`" if now.finish_reason else ""
    settings: tuple[Setting, ...] = (_step(now, _other_model(now), "continue_on_error: true"),)
    if not now.is_yaml:
        settings = (
            _client(
                now,
                'if message.stop_reason == "refusal":\n    ...  # another wording, or a person',
                "if response.prompt_feedback:\n    ...  # another wording, or a person",
            ),
        )
    return Advice(
        "Say in the prompt why it is asked, or let another model answer",
        f"{_seen(now)}{reason}. The same words are refused again: trying again does not help.",
        settings,
    )


def _invalid_output(now: Situation) -> Advice:
    cut = now.finish_reason == "length"
    more = 2 * (now.max_tokens or 1024)
    if cut or "budget" in now.group.message:
        title = "Let the answer be longer: it was cut off"
        lines = [f"token_budget: {{max_output_tokens: {more}}}"]
        code = (
            f"max_tokens={more}" if now.vendor == "claude" else f"types.GenerateContentConfig(max_output_tokens={more})"
        )
    else:
        title = "Ask for the form that is read, and try again when it is another"
        lines = ["output_schema: {type: object, required: […], properties: {…}}", "retry: {max_attempts: 3}"]
        code = (
            'output_config={"format": {"type": "json_schema", "schema": schema}}'
            if now.vendor == "claude"
            else 'types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)'
        )
    reason = f" The answer ended with `{now.finish_reason}`" if now.finish_reason else ""
    limit = f" at {now.max_tokens:,} tokens" if reason and cut and now.max_tokens else ""
    own = Setting("in your code, at the call", code, "python")
    ends = f"{reason}{limit}." if reason else ""
    return Advice(title, f"{_seen(now)}.{ends}", (_step(now, *lines),) if now.is_yaml else (own,))


def _tool(now: Situation) -> Advice:
    settings = (
        Setting(
            "in your code, in the tool: an answer that the model can read, instead of an exception",
            'try:\n    return look_up(order)\nexcept LookupError as error:\n    return {"error": str(error)}',
            "python",
        ),
    )
    where = f" at `{now.group.frame}`" if now.group.frame else ""
    return Advice(
        "Mend the tool, or let it tell the model what went wrong",
        f"{_seen(now)}{where}. The tool failed, not the model.",
        settings,
    )


def _network(now: Situation) -> Advice:
    base = "GOOGLE_GEMINI_BASE_URL" if now.vendor == "gemini" else "ANTHROPIC_BASE_URL"
    settings: tuple[Setting, ...] = (
        (_step(now, "retry: {max_attempts: 4, interval: 2, backoff: exponential}"),) if now.is_yaml else ()
    )
    if now.provider:
        where = "in the environment of the runner" if now.is_yaml else "in the environment of your program"
        settings += (_variable(base, "https://…", f"{where}, if a proxy answers for the provider"),)
    if not settings:
        settings = (
            Setting("in your code, where the client is made",
                    "client = httpx.Client(transport=httpx.HTTPTransport(retries=3))", "python"),
        )  # fmt: skip
    return Advice(
        "Look at the way to the other side; ask again if it was short",
        f"{_seen(now)}. No answer came that could be read.",
        settings,
    )


def _request(now: Situation) -> Advice:
    missing = now.group.http_status == "404"
    model = f" The model was `{now.model}`." if now.model else ""
    line = f"{now.vendor}_options: {{model: {_smaller(now)}}}" if now.vendor == "claude" else f"model: {_smaller(now)}"
    settings = (
        (_step(now, line),)
        if now.is_yaml
        else (Setting("in your code, at the call", f'model="{_smaller(now)}"', "python"),)
    )
    title = (
        "Name a model that exists, and that the key may use"
        if missing
        else "Change the parameter that the provider names"
    )
    return Advice(title, f"{_seen(now)}.{model} Trying again does not help: the request itself is refused.", settings)


def _user_code(now: Situation) -> Advice:
    where = f" at `{now.group.frame}`" if now.group.frame else ""
    settings: tuple[Setting, ...] = ()
    if "max_cost_usd" in now.group.message:
        return Advice(
            "Let the run cost more, or do less",
            f"{_seen(now)}.",
            (Setting("in the YAML file, at the workflow", "max_cost_usd: …"),),
        )
    if now.is_yaml:
        settings = (_step(now, "continue_on_error: true"),)
    elif now.step:
        settings = (
            Setting(
                "to see what the step was given, with its payload",
                f'@qd.step(capture="full")\ndef {now.step.replace(" ", "_")}(…): ...',
                "python",
            ),
        )
    return Advice(
        f"Mend the code{where}",
        f"{_seen(now)}. The stack below shows your own frames first.",
        settings,
    )


def _silent(now: Situation) -> Advice:
    share = (
        f"{now.group.runs:,} of {now.completed:,} completed runs"
        if now.completed
        else f"{now.group.runs:,} completed runs"
    )
    cause = {
        "length": " The last answer was cut off at its token limit.",
        "content_filter": " The last answer was filtered.",
    }.get(now.finish_reason, "")
    settings: tuple[Setting, ...] = (
        _step(now, "output_schema: {type: object, required: […], properties: {…}}", "retry: {max_attempts: 3}"),
    )
    if not now.is_yaml:
        settings = (
            Setting(
                "in your code, at the end of the pipeline",
                'if not result:\n    raise ValueError("the answer is empty")',
                "python",
            ),
        )
    return Advice(
        "Let the run fail when it has nothing to say",
        f"{share} ended with an empty result and told nobody.{cause}",
        settings,
    )


_ADVISERS: Final[dict[str, Callable[[Situation], Advice]]] = {
    "rate_limit": _rate_limit,
    "overload": _overload,
    "auth": _auth,
    "timeout": _timeout,
    "context_length": _context_length,
    "content_filter": _content_filter,
    "invalid_output": _invalid_output,
    "tool": _tool,
    "network": _network,
    "request": _request,
    "user_code": _user_code,
    "silent": _silent,
}
