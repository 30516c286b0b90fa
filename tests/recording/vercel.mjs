// The scenarios of the Vercel AI SDK, whose generations differ in how telemetry is switched on:
// node vercel.mjs DIALECT URL, with DIALECT one of vercel-gen-ai, vercel-legacy, vercel-5, vercel-4.
import { createRequire } from 'node:module';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import * as ai from 'ai';
import { z } from 'zod';

const [dialect, url] = process.argv.slice(2);
process.env.OTEL_SERVICE_NAME = 'recorded';
const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }));
new NodeTracerProvider({ spanProcessors: [processor] }).register();
if (dialect === 'vercel-gen-ai' || dialect === 'vercel-legacy') {
  const otel = createRequire(import.meta.url)('@ai-sdk/otel');
  ai.registerTelemetry(dialect === 'vercel-legacy' ? new otel.LegacyOpenTelemetry() : new otel.OpenTelemetry());
}

const claude = createAnthropic({ apiKey: 'key', baseURL: `${url}/v1` })('claude-sonnet-5-5');
const google = createGoogleGenerativeAI({ apiKey: 'key', baseURL: `${url}/v1beta` });
const gemini = google('gemini-3.8-flash');
const question = 'Which part of a ship is called the quarterdeck, and who may walk there?';
const say = '[[say:The quarterdeck is the deck abaft the mainmast, kept for the officers.]]';
const call = '[[tool:get_weather:{"city": "Brest"}]]';
const result = '18 degrees and rain [[say:It rains in Brest at 18 degrees.]]';

function ask(model, directives, more = {}) {
  return {
    model,
    prompt: `${question} ${directives}`,
    ...(dialect === 'vercel-gen-ai' || dialect === 'vercel-legacy'
      ? { instructions: 'You answer in one sentence.', telemetry: { functionId: 'weather-brief' } }
      : { system: 'You answer in one sentence.' }),
    experimental_telemetry: { isEnabled: true, functionId: 'weather-brief' },
    maxRetries: 0,
    ...more,
  };
}

async function read(stream) {
  for await (const _ of stream.textStream);
}

const schema = z.object({ city: z.string() });
const weather = ai.tool({
  description: 'Weather of a city',
  parameters: schema,
  inputSchema: schema,
  execute: async () => result,
});
const loop = dialect === 'vercel-4' ? { maxSteps: 3 } : { stopWhen: (ai.isStepCount ?? ai.stepCountIs)(3) };

const scenarios = (model) => ({
  plain: () => ai.generateText(ask(model, say)),
  stream: () => read(ai.streamText(ask(model, `${say} [[ttft:0.05]]`))),
  cache: () => ai.generateText(ask(model, `${say} [[cache]]`)),
  cache_stream: () => read(ai.streamText(ask(model, `${say} [[cache]]`))),
  think: () => ai.generateText(ask(model, `${say} [[think]]`)),
  think_stream: () => read(ai.streamText(ask(model, `${say} [[think]]`))),
  tool_run: () => ai.generateText(ask(model, call, { tools: { get_weather: weather }, ...loop })),
  limit: () => ai.generateText(ask(model, `${say} [[max]]`)),
  error: () => ai.generateText(ask(model, '[[error:400]]')),
});
const embed = (google.textEmbeddingModel ?? google.embedding).bind(google);

async function record(name, scenario) {
  try {
    await scenario();
  } catch (problem) {
    if (!name.endsWith('error')) console.error(`${dialect}/${name}: ${problem}`);
  }
  await processor.forceFlush();
  await fetch(`${url}/__case/${name}`, { method: 'POST' });
}

for (const [provider, model] of [['anthropic', claude], ['google', gemini]]) {
  for (const [name, scenario] of Object.entries(scenarios(model))) await record(`${provider}-${name}`, scenario);
}
await record('google-embeddings', () =>
  ai.embed({ ...ask(embed('gemini-embedding-001'), ''), prompt: undefined, value: question }),
);
await processor.shutdown();
