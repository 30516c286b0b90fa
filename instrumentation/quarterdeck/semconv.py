"""Every attribute, event and scope name that Quarterdeck writes or reads.

Names follow the OpenTelemetry GenAI semantic conventions (semantic-conventions-genai v0.1.0) where a
convention exists; everything else lives under ``quarterdeck.*``. No other module spells a name by hand.
"""

from typing import Final

SCOPE: Final = "quarterdeck"
"""Instrumentation scope of the spans that the decorators and provider wrappers create."""

LIVE_SCOPE: Final = "quarterdeck.live"
"""Instrumentation scope of live events; the collector takes records of this scope on its direct path."""

LOG_SCOPE: Final = "quarterdeck.log"
"""Instrumentation scope of bridged ``logging`` records and of verdicts."""

# --- run -------------------------------------------------------------------------------------------

RUN_ID: Final = "quarterdeck.run.id"
"""Id of one execution of a pipeline; stamped on every span inside the run."""

RUN_STATUS: Final = "quarterdeck.run.status"
"""One of :data:`RUN_STATUSES`."""

RUN_INPUT: Final = "quarterdeck.run.input"
"""What the run was started with, as a JSON string."""

RUN_OUTPUT: Final = "quarterdeck.run.output"
"""What the run returned, as a JSON string."""

RUN_URL: Final = "quarterdeck.run.url"
"""Where the dashboard shows the run; on forwarded spans and records of which something was trimmed."""

TRIMMED: Final = "quarterdeck.trimmed"
"""Keys whose values were trimmed for the endpoint that a span or record was forwarded to."""

PIPELINE_NAME: Final = "quarterdeck.pipeline.name"
"""Name of the pipeline definition; stamped on every span inside the run."""

PIPELINE_VERSION: Final = "quarterdeck.pipeline.version"
"""Version of the definition: as declared, else a short hash of the source."""

PIPELINE_CONFIG: Final = "quarterdeck.pipeline.config"
"""The definition's configuration as a JSON string."""

# --- step ------------------------------------------------------------------------------------------

STEP_ID: Final = "quarterdeck.step.id"
"""Id of one execution of a step (its span id in hex); stamped on every span inside the step."""

STEP_NAME: Final = "quarterdeck.step.name"
"""Name of the step; stamped on every span inside the step."""

STEP_INDEX: Final = "quarterdeck.step.index"
"""Position among the steps of the run, counted from 1; attempts and parts of one step share it, and a step
inside a step has none of its own."""

STEP_TOTAL: Final = "quarterdeck.step.total"
"""How many steps the run has, where that is known."""

STEP_ATTEMPT: Final = "quarterdeck.step.attempt"
"""Which try this is, counted from 1."""

STEP_KIND: Final = "quarterdeck.step.kind"
"""What the step is: ``python``, or the ``type`` of a YAML step."""

STEP_INPUT: Final = "quarterdeck.step.input"
"""Arguments of the step as a JSON string."""

STEP_OUTPUT: Final = "quarterdeck.step.output"
"""Result of the step as a JSON string."""

STEP_STATUS: Final = "quarterdeck.step.status"
"""One of :data:`STEP_STATUSES`."""

STEP_REUSED: Final = "quarterdeck.step.reused"
"""Whether the result was taken from an earlier run, which this one retries or replays."""

STEP_TOKEN_BUDGET: Final = "quarterdeck.step.token_budget"  # noqa: S105 - a budget of LLM tokens, no secret
"""How many tokens the step may use."""

STEP_PROGRESS: Final = "quarterdeck.step.progress"
"""Share of the step that is done, 0 to 1."""

STEP_PROGRESS_DONE: Final = "quarterdeck.step.progress.done"
"""How many units of the step are done."""

STEP_PROGRESS_TOTAL: Final = "quarterdeck.step.progress.total"
"""How many units the step has."""

# --- prompt ----------------------------------------------------------------------------------------

PROMPT_TEMPLATE: Final = "quarterdeck.prompt.template"
"""The template that a prompt was rendered from."""

PROMPT_VARIABLES: Final = "quarterdeck.prompt.variables"
"""Variables of the template as a JSON object."""

PROMPT_PARTS: Final = "quarterdeck.prompt.parts"
"""Where each stretch of the prompt came from: JSON ``[{"kind", "source", "text"}, …]``;
kind is ``static``, ``file``, ``previous_response`` or ``variable``."""

# --- model call ------------------------------------------------------------------------------------

RESPONSE_TIME_TO_FIRST_CONTENT: Final = "quarterdeck.response.time_to_first_content"
"""Seconds from request to the first streamed piece of the answer itself, text or tool call: after any thinking."""

COUNTED_TOKENS: Final = "quarterdeck.counted_tokens"
"""What a call that only counts tokens answered."""

# --- live events -----------------------------------------------------------------------------------

SPAN_NAME: Final = "quarterdeck.span.name"
"""Name of the span a live event speaks of."""

SPAN_PARENT_ID: Final = "quarterdeck.span.parent_id"
"""Span id (hex) of the parent of that span; empty for a run."""

SPAN_START: Final = "quarterdeck.span.start_time_unix_nano"
"""Start of that span, nanoseconds since the epoch."""

SPAN_END: Final = "quarterdeck.span.end_time_unix_nano"
"""End of that span, nanoseconds since the epoch."""

CHUNK_SEQUENCE: Final = "quarterdeck.chunk.sequence"
"""Number of a streamed piece within its call, counted from 0 without gaps."""

CHUNK_TEXT: Final = "quarterdeck.chunk.text"
"""Text of a streamed piece."""

CHUNK_KIND: Final = "quarterdeck.chunk.kind"
"""What a streamed piece is: ``text``, ``thinking`` or ``tool``."""

EVENT_PIPELINE_STARTED: Final = "quarterdeck.pipeline.started"
"""A run began."""

EVENT_PIPELINE_COMPLETED: Final = "quarterdeck.pipeline.completed"
"""A run ended without an error (``completed`` or ``cancelled``)."""

EVENT_PIPELINE_ERROR: Final = "quarterdeck.pipeline.error"
"""A run ended with an error."""

EVENT_STEP_STARTED: Final = "quarterdeck.step.started"
"""A step began and outlived one flush interval."""

EVENT_STEP_PROGRESS: Final = "quarterdeck.step.progress"
"""A step reported progress."""

EVENT_STEP_COMPLETED: Final = "quarterdeck.step.completed"
"""A step that was announced has ended, in whatever status."""

EVENT_PROMPT_SENT: Final = "quarterdeck.prompt.sent"
"""A model call began; carries the messages."""

EVENT_RESPONSE_STREAMING: Final = "quarterdeck.response.streaming"
"""A piece of a streamed response."""

EVENT_RESPONSE_RECEIVED: Final = "quarterdeck.response.received"
"""A model call ended; carries usage and finish reasons."""

EVENT_HEARTBEAT: Final = "quarterdeck.heartbeat"
"""An open run is alive; carries its status. Also sent at once when the status changes."""

EVENT_METRICS_UPDATED: Final = "quarterdeck.metrics.updated"
"""Totals of all runs, made by the collector for those who listen."""

# --- evaluation ------------------------------------------------------------------------------------

EVENT_EVALUATION: Final = "gen_ai.evaluation.result"
"""Somebody judged what the span did; sent in :data:`LOG_SCOPE`, kept with the logs."""

EVALUATION_NAME: Final = "gen_ai.evaluation.name"
"""What was judged."""

EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
"""The verdict as a number."""

EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
"""The verdict in a word."""

EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
"""Why."""

# --- control ---------------------------------------------------------------------------------------

EVENT_CONTROL: Final = "quarterdeck.control"
"""Somebody steered a run or changed the runner, or was refused; sent in :data:`LOG_SCOPE`, kept with the logs."""

CONTROL_ACTION: Final = "quarterdeck.control.action"
"""What was asked for: name of the operation, such as ``cancel_run``."""

CONTROL_ACTOR: Final = "quarterdeck.control.actor"
"""Who asked: name of the token, or ``local`` where none is needed."""

CONTROL_REASON: Final = "quarterdeck.control.reason"
"""Why it was refused."""

HTTP_METHOD: Final = "http.request.method"
"""Method of the request."""

HTTP_STATUS: Final = "http.response.status_code"
"""Status that it was answered with."""

URL_PATH: Final = "url.path"
"""Path of the request."""

CLIENT_ADDRESS: Final = "client.address"
"""Address that the request came from."""

# --- resource --------------------------------------------------------------------------------------

PROVIDER_STAND_IN: Final = "quarterdeck.provider.stand_in"
"""Resource attribute: true when the local stand-in, not a real provider, answers the model calls."""

# --- GenAI conventions -----------------------------------------------------------------------------

OPERATION_NAME: Final = "gen_ai.operation.name"
"""``invoke_workflow``, ``chat``, ``generate_content``, ``embeddings``, ``count_tokens``, ``execute_tool``."""

PROVIDER_NAME: Final = "gen_ai.provider.name"
"""``anthropic``, ``gcp.gemini``, ``gcp.vertex_ai``."""

WORKFLOW_NAME: Final = "gen_ai.workflow.name"
"""Pipeline name under its GenAI name (until v0.1.0)."""

AGENT_NAME: Final = "gen_ai.agent.name"
"""Pipeline name under its GenAI name (since v0.1.0)."""

REQUEST_MODEL: Final = "gen_ai.request.model"
"""Model that was asked for."""

REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
"""Upper bound of output tokens asked for."""

REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
"""Sampling temperature asked for."""

REQUEST_TOP_P: Final = "gen_ai.request.top_p"
"""Nucleus sampling share asked for."""

REQUEST_TOP_K: Final = "gen_ai.request.top_k"
"""Sampling candidates asked for."""

REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
"""Texts that end the output."""

REQUEST_SEED: Final = "gen_ai.request.seed"
"""Seed of the sampling."""

REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
"""How many candidates were asked for."""

REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
"""Penalty for tokens that came often."""

REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
"""Penalty for tokens that came at all."""

REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
"""How hard the model was asked to think: the provider's word."""

OUTPUT_TYPE: Final = "gen_ai.output.type"
"""``json`` where the answer was asked for as JSON."""

REQUEST_RESEND_COUNT: Final = "http.request.resend_count"
"""How often the request was sent again: retries."""

REQUEST_STREAM: Final = "gen_ai.request.stream"
"""Whether the answer was streamed."""

RESPONSE_ID: Final = "gen_ai.response.id"
"""Id the provider gave the answer; nested spans of one call share it."""

RESPONSE_MODEL: Final = "gen_ai.response.model"
"""Model that answered."""

RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
"""Why each candidate ended: ``stop``, ``length``, ``tool_call``, ``content_filter``, ``error``."""

RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""Seconds from request to the first streamed piece of any content, thinking included."""

USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""Input tokens, cache reads and writes included."""

USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
"""Output tokens, reasoning included."""

USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
"""Input tokens served from the provider's cache."""

USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
"""Input tokens written to the provider's cache."""

ANTHROPIC_CACHE_WRITE_MINUTES_TOKENS: Final = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
"""Of the tokens written to Claude's cache, those kept for five minutes; the name is the Anthropic SDK's own."""

ANTHROPIC_CACHE_WRITE_HOUR_TOKENS: Final = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
"""Of the tokens written to Claude's cache, those kept for an hour."""

ANTHROPIC_THINKING_TYPE: Final = "anthropic.thinking.type"
"""Whether Claude was asked to think; the name is the Anthropic SDK's own."""

ANTHROPIC_THINKING_BUDGET: Final = "anthropic.thinking.budget_tokens"
"""How many tokens Claude may think."""

ANTHROPIC_REQUEST_ID: Final = "anthropic.request.id"
"""Id of the request, which Anthropic's support asks for."""

USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
"""Output tokens spent on thinking."""

INPUT_MESSAGES: Final = "gen_ai.input.messages"
"""JSON string ``[{"role", "parts": [{"type": "text", "content"}, …]}, …]``."""

OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
"""JSON string of the same shape."""

SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
"""JSON string ``[{"type": "text", "content"}, …]``."""

TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
"""Tools offered to the model, as a JSON string."""

TOOL_NAME: Final = "gen_ai.tool.name"
"""Tool that ran."""

TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
"""What the tool is for."""

TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
"""Arguments of a tool call as a JSON string."""

TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
"""Result of a tool call as a JSON string."""

ERROR_TYPE: Final = "error.type"
"""Exception class, or the error type that the provider names."""

CODE_STACKTRACE: Final = "code.stacktrace"
"""On a failed model call: the frames of the user's own code that led to it, as Python shows them."""

EXCEPTION_MESSAGE: Final = "exception.message"
"""Message of the exception that ended a run or step."""

SERVER_ADDRESS: Final = "server.address"
"""Host that was called."""

SERVER_PORT: Final = "server.port"
"""Port that was called."""

# --- vocabularies ----------------------------------------------------------------------------------

RUN_STATUSES: Final = ("running", "paused", "waiting", "completed", "failed", "cancelled", "lost")
"""``lost`` is never sent: readers conclude it from missing heartbeats."""

RUN_LOST_AFTER_S: Final = 8
"""Seconds of silence after which readers conclude it: heartbeats come every second, and are under way for a moment."""

STEP_STATUSES: Final = ("running", "completed", "failed", "cancelled", "skipped")

OPERATION_WORKFLOW: Final = "invoke_workflow"
OPERATION_CHAT: Final = "chat"
OPERATION_GENERATE_CONTENT: Final = "generate_content"
OPERATION_EMBEDDINGS: Final = "embeddings"
OPERATION_COUNT_TOKENS: Final = "count_tokens"
OPERATION_EXECUTE_TOOL: Final = "execute_tool"

PROVIDER_ANTHROPIC: Final = "anthropic"
PROVIDER_GEMINI: Final = "gcp.gemini"
PROVIDER_VERTEX: Final = "gcp.vertex_ai"
