-- Every dialect of GenAI telemetry in the words of the GenAI semantic conventions. One place for all of them:
-- OpenTelemetry (today's names and older ones), the Anthropic SDK's own spans, OpenInference, OpenLLMetry (today's and
-- older ones), Langfuse, Logfire and the Vercel AI SDK.

-- Attributes that mean what one of the conventions means, and its name. Where a dialect says it in another way, the name
-- is not of the conventions, and the functions below choose.
CREATE OR REPLACE DICTIONARY ${db}.genai_conventions ${on_cluster} (Attribute String, Convention String)
PRIMARY KEY Attribute
SOURCE(CLICKHOUSE(QUERY $QUERY$
    SELECT pair.1 AS Attribute, pair.2 AS Convention FROM (SELECT arrayJoin([
        ('gen_ai.operation.name', 'gen_ai.operation.name'),
        ('gen_ai.provider.name', 'gen_ai.provider.name'),
        ('gen_ai.system', 'gen_ai.system'),
        ('gen_ai.request.model', 'gen_ai.request.model'),
        ('gen_ai.response.model', 'gen_ai.response.model'),
        ('gen_ai.response.id', 'gen_ai.response.id'),
        ('gen_ai.response.finish_reasons', 'gen_ai.response.finish_reasons'),
        ('gen_ai.response.time_to_first_chunk', 'gen_ai.response.time_to_first_chunk'),
        ('gen_ai.usage.input_tokens', 'gen_ai.usage.input_tokens'),
        ('gen_ai.usage.output_tokens', 'gen_ai.usage.output_tokens'),
        ('gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read.input_tokens'),
        ('gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_write.input_tokens'),
        ('gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.reasoning.output_tokens'),
        -- ours
        ('quarterdeck.response.time_to_first_content', 'time_to_first_content'),
        -- older names of the conventions, and what the Anthropic SDK and Vercel add to today's
        ('gen_ai.usage.prompt_tokens', 'gen_ai.usage.input_tokens'),
        ('gen_ai.usage.completion_tokens', 'gen_ai.usage.output_tokens'),
        ('gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.cache_write.input_tokens'),
        ('gen_ai.client.operation.time_to_first_chunk', 'gen_ai.response.time_to_first_chunk'),
        ('anthropic.message.stop_reason', 'stop_reason'),
        ('anthropic.usage.cache_creation.ephemeral_1h_input_tokens', 'cache_write_hour'),
        -- OpenLLMetry
        ('gen_ai.usage.cache_read_input_tokens', 'gen_ai.usage.cache_read.input_tokens'),
        ('gen_ai.usage.cache_creation_input_tokens', 'gen_ai.usage.cache_write.input_tokens'),
        ('gen_ai.usage.reasoning_tokens', 'gen_ai.usage.reasoning.output_tokens'),
        ('gen_ai.usage.total_tokens', 'total_tokens'),
        ('llm.usage.total_tokens', 'total_tokens'),
        ('gen_ai.response.finish_reason', 'stop_reason'),
        ('llm.response.stop_reason', 'stop_reason'),
        ('gen_ai.completion.0.finish_reason', 'stop_reason'),
        -- OpenInference
        ('llm.provider', 'gen_ai.system'),
        ('llm.system', 'llm.system'),
        ('llm.request.model_name', 'gen_ai.request.model'),
        ('llm.model_name', 'model_name'),
        ('embedding.model_name', 'model_name'),
        ('llm.response.model_name', 'gen_ai.response.model'),
        ('llm.token_count.prompt', 'gen_ai.usage.input_tokens'),
        ('llm.token_count.completion', 'gen_ai.usage.output_tokens'),
        ('llm.token_count.total', 'total_tokens'),
        ('llm.token_count.prompt_details.cache_read', 'gen_ai.usage.cache_read.input_tokens'),
        ('llm.token_count.prompt_details.cache_write', 'gen_ai.usage.cache_write.input_tokens'),
        ('llm.token_count.completion_details.reasoning', 'gen_ai.usage.reasoning.output_tokens'),
        ('llm.finish_reason', 'stop_reason'),
        -- Langfuse
        ('langfuse.observation.model.name', 'model_name'),
        ('langfuse.observation.usage_details', 'langfuse.observation.usage_details'),
        ('langfuse.observation.completion_start_time', 'langfuse.observation.completion_start_time'),
        -- Logfire
        ('gen_ai.usage.raw', 'gen_ai.usage.raw'),
        -- Vercel AI SDK
        ('ai.model.id', 'model_name'),
        ('ai.response.model', 'gen_ai.response.model'),
        ('ai.response.id', 'gen_ai.response.id'),
        ('ai.usage.inputTokens', 'gen_ai.usage.input_tokens'),
        ('ai.usage.promptTokens', 'gen_ai.usage.input_tokens'),
        ('ai.usage.tokens', 'gen_ai.usage.input_tokens'),
        ('ai.usage.outputTokens', 'gen_ai.usage.output_tokens'),
        ('ai.usage.completionTokens', 'gen_ai.usage.output_tokens'),
        ('ai.usage.totalTokens', 'total_tokens'),
        ('ai.usage.cachedInputTokens', 'gen_ai.usage.cache_read.input_tokens'),
        ('ai.usage.inputTokenDetails.cacheReadTokens', 'gen_ai.usage.cache_read.input_tokens'),
        ('ai.usage.inputTokenDetails.cacheWriteTokens', 'gen_ai.usage.cache_write.input_tokens'),
        ('ai.usage.reasoningTokens', 'gen_ai.usage.reasoning.output_tokens'),
        ('ai.usage.outputTokenDetails.reasoningTokens', 'gen_ai.usage.reasoning.output_tokens'),
        ('ai.response.msToFirstChunk', 'ai.response.msToFirstChunk'),
        ('ai.response.finishReason', 'stop_reason')
    ]) AS pair)
$QUERY$ ${dict_auth}))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(0);

CREATE OR REPLACE FUNCTION quarterdeck_canonical ${on_cluster} AS attributes -> CAST(
    arrayFilter(
        pair -> pair.1 != '',
        arrayMap(
            (key, text) -> (dictGetOrDefault('${db}.genai_conventions', 'Convention', tuple(toString(key)), ''), text),
            mapKeys(attributes), mapValues(attributes)
        )
    ),
    'Map(LowCardinality(String), String)'
);

-- The kind of operation in the conventions' words; '' for spans that are none.
CREATE OR REPLACE FUNCTION quarterdeck_operation ${on_cluster} AS attributes -> if(
    (attributes)['gen_ai.operation.name'] != '',
    (attributes)['gen_ai.operation.name'],
    transform(
        lower(firstNonDefault(
            (attributes)['openinference.span.kind'], (attributes)['llm.request.type'], (attributes)['traceloop.span.kind'],
            (attributes)['langfuse.observation.type'], (attributes)['ai.operationId']
        )),
        [
            'llm', 'chat', 'completion', 'generation', 'embedding', 'tool', 'agent', 'workflow', 'retriever',
            'ai.generatetext.dogenerate', 'ai.streamtext.dostream', 'ai.generateobject.dogenerate', 'ai.streamobject.dostream',
            'ai.embed.doembed', 'ai.embedmany.doembed', 'ai.toolcall',
            'ai.generatetext', 'ai.streamtext', 'ai.generateobject', 'ai.streamobject'
        ],
        [
            'chat', 'chat', 'chat', 'chat', 'embeddings', 'execute_tool', 'invoke_agent', 'invoke_workflow', 'retrieval',
            'chat', 'chat', 'chat', 'chat',
            'embeddings', 'embeddings', 'execute_tool',
            'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent'
        ],
        ''
    )
);

CREATE OR REPLACE FUNCTION quarterdeck_is_model_call ${on_cluster} AS operation ->
    (operation) IN ('chat', 'generate_content', 'text_completion', 'embeddings');

-- The pipeline that a span names; many dialects name it on the root only.
CREATE OR REPLACE FUNCTION quarterdeck_pipeline_name ${on_cluster} AS (attributes, span_name, parent) -> firstNonDefault(
    (attributes)['quarterdeck.pipeline.name'],
    (attributes)['traceloop.workflow.name'],
    (attributes)['langfuse.trace.name'],
    (attributes)['gen_ai.workflow.name'],
    (attributes)['ai.telemetry.functionId'],
    if(parent = '' AND (attributes)['gen_ai.operation.name'] IN ('invoke_workflow', 'invoke_agent'), (attributes)['gen_ai.agent.name'], ''),
    if(parent = '' AND (attributes)['openinference.span.kind'] IN ('AGENT', 'CHAIN'), firstNonDefault((attributes)['agent.name'], span_name), ''),
    if((attributes)['langfuse.internal.is_app_root'] = 'true', span_name, '')
);

CREATE OR REPLACE FUNCTION quarterdeck_step_name ${on_cluster} AS (attributes, span_name, parent) -> firstNonDefault(
    (attributes)['quarterdeck.step.name'],
    if((attributes)['traceloop.span.kind'] IN ('task', 'agent'), (attributes)['traceloop.entity.name'], ''),
    splitByChar('.', (attributes)['traceloop.entity.path'])[-1],
    if(parent != '' AND (attributes)['gen_ai.operation.name'] = 'invoke_agent', (attributes)['gen_ai.agent.name'], ''),
    if(parent != '' AND ((attributes)['openinference.span.kind'] IN ('AGENT', 'CHAIN') OR (attributes)['langfuse.observation.type'] IN ('span', 'agent', 'chain')), span_name, '')
);

-- The name of a model without the kind of resource that Gemini's API puts before it.
CREATE OR REPLACE FUNCTION quarterdeck_model ${on_cluster} AS name -> replaceRegexpOne(name, '^models/', '');

-- What a span names its provider, in the conventions' words; where it names none, as far as the model's name tells.
CREATE OR REPLACE FUNCTION quarterdeck_provider ${on_cluster} AS (canonical, model) -> firstNonDefault(
    transform(
        lower(firstNonDefault((canonical)['gen_ai.provider.name'], (canonical)['gen_ai.system'], (canonical)['llm.system'])),
        [
            'google', 'gemini', 'gcp.gen_ai', 'google_genai', 'google.generative-ai', 'google-gla', 'google_generativeai',
            'vertex_ai', 'vertexai', 'google.vertex', 'google.vertex.chat', 'google-vertex', 'google_vertexai',
            'anthropic.messages', 'openai.chat', 'openai.responses', 'openai.embedding', 'openai.completion',
            'azure', 'az.ai.openai', 'az.ai.inference', 'aws', 'bedrock', 'aws_bedrock', 'amazon-bedrock',
            'mistral', 'mistralai', 'mistral.chat', 'x-ai', 'xai', 'xai.chat', 'groq.chat', 'cohere.chat', 'deepseek.chat'
        ],
        [
            'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini',
            'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai',
            'anthropic', 'openai', 'openai', 'openai', 'openai',
            'azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock',
            'mistral_ai', 'mistral_ai', 'mistral_ai', 'x_ai', 'x_ai', 'x_ai', 'groq', 'cohere', 'deepseek'
        ]
    ),
    multiIf(
        match(model, '(^|/)claude'), 'anthropic',
        match(model, '(^|/)(gemini|gemma|text-embedding-00)'), 'gcp.gemini',
        match(model, '(^|/)(gpt-|o[0-9]|chatgpt|text-embedding-(3|ada))'), 'openai',
        ''
    )
);

-- The provider's own usage block as JSON, where a dialect carries it: Vercel in the provider's metadata, Logfire in an
-- attribute, OpenInference in the answer.
CREATE OR REPLACE FUNCTION quarterdeck_raw_usage ${on_cluster} AS (canonical, payload, scope) -> multiIf(
    (payload)['ai.response.providerMetadata'] != '', firstNonDefault(
        JSONExtractRaw((payload)['ai.response.providerMetadata'], 'anthropic', 'usage'),
        JSONExtractRaw((payload)['ai.response.providerMetadata'], 'google', 'usageMetadata')
    ),
    startsWith(scope, 'openinference.'), firstNonDefault(
        JSONExtractRaw((payload)['output.value'], 'usage'), JSONExtractRaw((payload)['output.value'], 'usage_metadata')
    ),
    (canonical)['gen_ai.usage.raw']
);

-- Langfuse's usage details, those of OpenAI's shape with the kinds that are nested.
CREATE OR REPLACE FUNCTION quarterdeck_usage_details ${on_cluster} AS details -> arrayConcat(
    JSONExtractKeysAndValues(details, 'UInt64'),
    JSONExtractKeysAndValues(JSONExtractRaw(details, 'prompt_tokens_details'), 'UInt64'),
    JSONExtractKeysAndValues(JSONExtractRaw(details, 'completion_tokens_details'), 'UInt64')
);

-- Tokens of one kind: what the attribute says, or the provider's own usage block if that says more.
CREATE OR REPLACE FUNCTION quarterdeck_cache_read_tokens ${on_cluster} AS (canonical, usage, raw) -> greatest(
    toUInt64OrZero((canonical)['gen_ai.usage.cache_read.input_tokens']),
    JSONExtractUInt(raw, 'cache_read_input_tokens'),
    JSONExtractUInt(raw, 'cachedContentTokenCount'), JSONExtractUInt(raw, 'cached_content_token_count'),
    arraySum(pair -> if(match(pair.1, 'cache(d|_read)'), pair.2, 0), usage)
);

CREATE OR REPLACE FUNCTION quarterdeck_cache_write_tokens ${on_cluster} AS (canonical, usage, raw) -> greatest(
    toUInt64OrZero((canonical)['gen_ai.usage.cache_write.input_tokens']),
    JSONExtractUInt(raw, 'cache_creation_input_tokens'),
    arraySum(pair -> if(match(pair.1, 'cache_(creation|write)'), pair.2, 0), usage)
);

CREATE OR REPLACE FUNCTION quarterdeck_cache_write_hour_tokens ${on_cluster} AS (canonical, raw) -> greatest(
    toUInt64OrZero((canonical)['cache_write_hour']), JSONExtractUInt(raw, 'cache_creation', 'ephemeral_1h_input_tokens')
);

-- What Gemini counts in the total only, where a dialect gives no number for it, is its thoughts.
CREATE OR REPLACE FUNCTION quarterdeck_reasoning_tokens ${on_cluster} AS (canonical, usage, raw, provider, input) -> greatest(
    if(startsWith(provider, 'gcp.'), toUInt64(greatest(
        toInt64OrZero((canonical)['total_tokens']) - toInt64(input) - toInt64OrZero((canonical)['gen_ai.usage.output_tokens']), 0
    )), 0),
    toUInt64OrZero((canonical)['gen_ai.usage.reasoning.output_tokens']),
    JSONExtractUInt(raw, 'output_tokens_details', 'thinking_tokens'),
    JSONExtractUInt(raw, 'thoughtsTokenCount'), JSONExtractUInt(raw, 'thoughts_token_count'),
    arraySum(pair -> if(match(pair.1, 'reasoning'), pair.2, 0), usage)
);

-- With cached tokens. Anthropic's own number leaves them out; older versions of Vercel and OpenInference pass it on.
CREATE OR REPLACE FUNCTION quarterdeck_input_tokens ${on_cluster} AS (canonical, usage, raw) -> greatest(
    toUInt64OrZero((canonical)['gen_ai.usage.input_tokens']),
    JSONExtractUInt(raw, 'input_tokens') + JSONExtractUInt(raw, 'cache_read_input_tokens') + JSONExtractUInt(raw, 'cache_creation_input_tokens'),
    -- Langfuse adds up every kind that has 'input' in its name
    arraySum(pair -> if(match(pair.1, 'input|^prompt_tokens$'), pair.2, 0), usage)
);

-- With reasoning. Gemini bills thoughts as output and counts them in the total only; some dialects leave them out.
CREATE OR REPLACE FUNCTION quarterdeck_output_tokens ${on_cluster} AS (canonical, usage, raw, provider, input) -> greatest(
    toUInt64OrZero((canonical)['gen_ai.usage.output_tokens']),
    JSONExtractUInt(raw, 'output_tokens'),
    arraySum(pair -> if(match(pair.1, 'output|^completion_tokens$'), pair.2, 0), usage),
    if(startsWith(provider, 'gcp.'), greatest(
        toUInt64(greatest(toInt64OrZero((canonical)['total_tokens']) - toInt64(input), 0)),
        JSONExtractUInt(raw, 'candidatesTokenCount') + JSONExtractUInt(raw, 'thoughtsTokenCount'),
        JSONExtractUInt(raw, 'candidates_token_count') + JSONExtractUInt(raw, 'thoughts_token_count')
    ), 0)
);

-- OpenInference has the id only in the answer.
CREATE OR REPLACE FUNCTION quarterdeck_response_id ${on_cluster} AS (canonical, payload, scope) -> firstNonDefault(
    (canonical)['gen_ai.response.id'],
    if(startsWith(scope, 'openinference.'), firstNonDefault(
        JSONExtractString((payload)['output.value'], 'id'), JSONExtractString((payload)['output.value'], 'response_id')
    ), '')
);

-- Seconds, until what the model says and not what it thinks, where that is told. Vercel says milliseconds, Langfuse the
-- moment at which the answer began.
CREATE OR REPLACE FUNCTION quarterdeck_time_to_first_chunk ${on_cluster} AS (canonical, start) -> multiIf(
    (canonical)['time_to_first_content'] != '', toFloat64OrNull((canonical)['time_to_first_content']),
    (canonical)['gen_ai.response.time_to_first_chunk'] != '', toFloat64OrNull((canonical)['gen_ai.response.time_to_first_chunk']),
    (canonical)['ai.response.msToFirstChunk'] != '', toFloat64OrNull((canonical)['ai.response.msToFirstChunk']) / 1000,
    dateDiff('microsecond', start, parseDateTime64BestEffortOrNull(trim(BOTH '"' FROM (canonical)['langfuse.observation.completion_start_time']), 6, 'UTC')) / 1e6
);

-- The first finish reason, in the conventions' words: stop, length, tool_call, content_filter; others as they came.
CREATE OR REPLACE FUNCTION quarterdeck_finish_reason ${on_cluster} AS canonical -> transform(
    lower(firstNonDefault(
        if(startsWith((canonical)['gen_ai.response.finish_reasons'], '['), JSONExtractString((canonical)['gen_ai.response.finish_reasons'], 1), (canonical)['gen_ai.response.finish_reasons']),
        (canonical)['stop_reason']
    )),
    [
        'end_turn', 'stop_sequence', 'max_tokens', 'model_context_window_exceeded', 'tool_use', 'tool_calls', 'tool-calls', 'function_call',
        'refusal', 'safety', 'recitation', 'blocklist', 'prohibited_content', 'spii', 'image_safety', 'content-filter'
    ],
    [
        'stop', 'stop', 'length', 'length', 'tool_call', 'tool_call', 'tool_call', 'tool_call',
        'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter'
    ]
);

-- error.type, or what the recorded exception is.
CREATE OR REPLACE FUNCTION quarterdeck_error_type ${on_cluster} AS (attributes, status, event_names, event_attributes) -> multiIf(
    (attributes)['error.type'] != '', (attributes)['error.type'],
    status = 'Error', event_attributes[indexOf(event_names, 'exception')]['exception.type'],
    ''
);

-- Bulky values live in the Payload column, so that lists never read them.
CREATE OR REPLACE FUNCTION quarterdeck_is_payload ${on_cluster} AS (key, size) ->
    (key) IN (
        'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.system_instructions',
        'gen_ai.tool.definitions', 'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result',
        'gen_ai.prompt', 'gen_ai.completion', 'input.value', 'output.value',
        'traceloop.entity.input', 'traceloop.entity.output',
        'langfuse.observation.input', 'langfuse.observation.output', 'langfuse.trace.input', 'langfuse.trace.output',
        'ai.prompt', 'ai.prompt.messages', 'ai.prompt.tools', 'ai.response.text', 'ai.response.toolCalls', 'ai.response.object',
        'ai.response.reasoning', 'ai.response.providerMetadata', 'ai.toolCall.args', 'ai.toolCall.result', 'ai.value', 'ai.values',
        'anthropic.tool_result.content', 'request_data', 'logfire.json_schema',
        'quarterdeck.run.input', 'quarterdeck.run.output', 'quarterdeck.pipeline.config',
        'quarterdeck.step.input', 'quarterdeck.step.output',
        'quarterdeck.prompt.template', 'quarterdeck.prompt.variables', 'quarterdeck.prompt.parts'
    )
    OR match(key, '^(llm[.](input_messages|output_messages|tools|request[.]functions)|gen_ai[.](prompt|completion)|embedding[.]embeddings)[.][0-9]+[.](?:[^f]|f[^i])')
    OR (size) > 4096;

-- The first of these values that is there, else those of flattened messages, one 'key: value' a line.
CREATE OR REPLACE FUNCTION quarterdeck_payload_text ${on_cluster} AS (payload, keys, flattened) -> firstNonDefault(
    arrayFirst(text -> text != '', arrayMap(key -> (payload)[key], keys)),
    arrayStringConcat(arrayFilter(
        line -> match(line, flattened),
        arrayMap((key, value) -> concat(key, ': ', value), mapKeys(payload), mapValues(payload))
    ), '\n')
);
