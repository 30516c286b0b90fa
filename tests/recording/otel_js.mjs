// What OpenTelemetry's own SDK for JavaScript sends: one trace, one log record and four metrics.
//   node otel_js.mjs send URL PROTOCOL        to a collector; PROTOCOL is proto (protobuf) or http (JSON)
//   node otel_js.mjs record FOLDER PROTOCOL   to files of FOLDER, one for each signal, byte for byte
// Run it in a folder with the packages that it imports: npm install NAME@VERSION … with VERSIONS below.
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

export const VERSIONS = {
  '@opentelemetry/api': '1.9.1',
  '@opentelemetry/resources': '2.12.1',
  '@opentelemetry/sdk-logs': '0.223.1',
  '@opentelemetry/sdk-metrics': '2.12.1',
  '@opentelemetry/sdk-trace-node': '2.12.0',
  '@opentelemetry/exporter-{trace,logs,metrics}-otlp-{proto,http}': '0.223.1',
};
const START = 1_795_500_000_000; // milliseconds
const values = {
  text: 'Grüße 漢字',
  whole: 42,
  negative: -7,
  large: Number.MAX_SAFE_INTEGER,
  broken: 0.1,
  truth: true,
  texts: ['a', 'b'],
  numbers: [1, 2.5],
  flags: [true, false],
};

async function main(url, protocol, service) {
  const load = createRequire(import.meta.url);
  const exporter = (signal, name) => {
    const of = load(`@opentelemetry/exporter-${signal === 'traces' ? 'trace' : signal}-otlp-${protocol}`);
    return new of[name]({ url: `${url}/v1/${signal}` });
  };
  const resource = resourceFromAttributes({ 'service.name': service, 'deployment.environment.name': 'test' });
  let next = 0;
  const id = (length) => (++next).toString(16).padStart(length, protocol === 'proto' ? 'ab' : 'cd');
  const spans = new NodeTracerProvider({
    resource,
    idGenerator: { generateTraceId: () => id(32), generateSpanId: () => id(16) },
    spanProcessors: [new BatchSpanProcessor(exporter('traces', 'OTLPTraceExporter'))],
  });
  const logs = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: exporter('logs', 'OTLPLogExporter') })],
  });
  const reader = new PeriodicExportingMetricReader({
    exporter: exporter('metrics', 'OTLPMetricExporter'),
    exportIntervalMillis: 3_600_000,
  });
  const meters = new MeterProvider({ resource, readers: [reader] });

  const tracer = spans.getTracer('js-sdk', '1.2.3');
  const outer = tracer.startSpan('answer', { kind: SpanKind.SERVER, startTime: START, attributes: values }, ROOT_CONTEXT);
  const within = trace.setSpan(ROOT_CONTEXT, outer);
  const links = [{ context: outer.spanContext(), attributes: { why: 'the one above' } }];
  const call = tracer.startSpan('chat claude-sonnet-4-5', { kind: SpanKind.CLIENT, startTime: START + 10, links }, within);
  call.setAttributes({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.model': 'claude-sonnet-4-5',
    'gen_ai.usage.input_tokens': 1200,
    'gen_ai.usage.output_tokens': 300,
  });
  call.addEvent('first chunk', { size: 3 }, START + 20);
  call.recordException({ name: 'TypeError', message: 'no such thing', stack: 'TypeError: no such thing\n    at x.js:1' }, START + 30);
  call.setStatus({ code: SpanStatusCode.ERROR, message: 'no such thing' });
  call.end(START + 40);
  outer.end(START + 50);

  logs.getLogger('js-sdk').emit({
    timestamp: START + 25,
    severityNumber: 13,
    severityText: 'WARN',
    body: { text: 'the gauge is old', tries: 2 },
    attributes: values,
    context: within,
  });

  const meter = meters.getMeter('js-sdk');
  meter.createCounter('calls', { unit: '1', description: 'Calls' }).add(3, { model: 'sonnet' });
  meter.createUpDownCounter('queue').add(-2);
  meter.createHistogram('latency', { unit: 's', advice: { explicitBucketBoundaries: [1, 2] } }).record(1.5);
  meter.createObservableGauge('heat').addCallback((result) => result.observe(36.6));
  await Promise.all([spans.shutdown(), logs.shutdown(), meters.shutdown()]);
}

const [, , what, where, protocol, service = `js-${protocol}`] = process.argv;
if (what === 'send') {
  await main(where, protocol, service);
} else {
  const server = createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      writeFileSync(`${where}/${request.url.split('/').pop()}.${protocol}`, Buffer.concat(pieces));
      response.writeHead(200, { 'content-type': request.headers['content-type'] }).end(protocol === 'http' ? '{}' : '');
    });
  }).listen(0, '127.0.0.1', async () => {
    await main(`http://127.0.0.1:${server.address().port}`, protocol, service);
    server.close();
  });
}
