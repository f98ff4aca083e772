/** Traces as a collector receives them. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createLog } from '../../src/log.ts';
import { startTracing } from '../../src/observability/tracing.ts';
import { tokenOf } from '../faults/load.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Program, startProgram } from '../support/process.ts';
import { SECRET } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly attributes?: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

const attributesOf = ({ attributes = [] }: Span): object =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));

describe('tracing', () => {
  const spans: Span[] = [];
  let received = '';
  let collector: Server;
  let program: Program;
  let port: number;
  beforeAll(async () => {
    collector = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        received += body;
        for (const { scopeSpans } of JSON.parse(body).resourceSpans ?? [])
          for (const scope of scopeSpans) spans.push(...scope.spans);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    collector.listen(0, '127.0.0.1');
    await once(collector, 'listening');
    port = await freePort();
    program = await startTraced(port, { DATA_DIR: ':memory:' });
  });
  afterAll(async () => {
    await program.stop();
    collector.close();
    collector.closeAllConnections();
  });

  const startTraced = (onPort: number, settings: Readonly<Record<string, string>>): Promise<Program> =>
    startProgram(
      'src/main.ts',
      {
        HOST: '127.0.0.1',
        PORT: String(onPort),
        JWT_SECRET: SECRET,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        DRAIN_WINDOW: '0ms',
        ...settings,
      },
      /service started/,
    );
  const find = (name: string, traceId?: string): Span => {
    const span = spans.find((each) => each.name === name && (traceId === undefined || each.traceId === traceId));
    if (!span) throw new Error(`No span ${name} among ${spans.map((each) => each.name).join(', ')}.`);
    return span;
  };

  it('continues the trace of a request through the domain to the engine', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenOf('alice')}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      },
      body: '{"query":"mutation { createConversation(input: {id: \\"c\\"}) { id } sendMessage(input: {conversationId: \\"c\\", content: \\"a secret word\\"}) { id } }"}',
    });
    expect(((await response.json()) as { errors?: unknown }).errors).toBeUndefined();
    await eventually(() => {
      const request = find('POST /graphql', traceId);
      expect(request.parentSpanId).toBe('b7ad6b7169203331');
      const send = find('messages.send', traceId);
      expect(send.parentSpanId).toBe(request.spanId);
      const append = find('engine.appendMessage', traceId);
      expect(append.parentSpanId).toBe(send.spanId);
      expect(attributesOf(append)).toMatchObject({
        'db.system.name': 'sqlite',
        'db.operation.name': 'appendMessage',
      });
    });
    expect(received).not.toContain('a secret word');
  });

  it('on a socket the spans of the domain are roots, and a failure has its code', async () => {
    const client = await connectClient(`ws://127.0.0.1:${port}/graphql`, await tokenOf('alice'));
    await client.query('mutation { sendMessage(input: {conversationId: "none", content: "x"}) { id } }');
    await client.close();
    await eventually(() => {
      const failed = spans.filter(({ name, status }) => name === 'messages.send' && status?.message === 'NOT_FOUND');
      expect(failed).toHaveLength(1);
      expect(failed[0]?.parentSpanId ?? '').toBe('');
    });
    // What nobody asked for is not traced.
    expect(spans.map(({ name }) => name)).not.toContain('engine.shareUse');
  });

  /** What is heard at one node of what is asked at another; the delivery is linked to the engine's span of that. */
  async function expectLinked(askAt: number, hearAt: number): Promise<void> {
    const client = await connectClient(`ws://127.0.0.1:${hearAt}/graphql`, await tokenOf('alice'));
    const publisher = await connectClient(`ws://127.0.0.1:${askAt}/graphql`, await tokenOf('alice'));
    await publisher.query('mutation { createConversation(input: {id: "linked"}) { id } }');
    const messages = await client.subscribe('subscription { messageReceived(conversationIds: ["linked"]) { id } }');
    const changes = await client.subscribe('subscription { messageUpdated(conversationIds: ["linked"]) { id } }');
    const publications = await client.subscribe('subscription { topicPublished(topics: ["news"]) { id } }');
    const from = spans.length;
    const sent = await publisher.query(
      'mutation { sendMessage(input: {conversationId: "linked", content: "x"}) { id } }',
    );
    const { id } = sent.data.sendMessage;
    await publisher.query(`mutation { editMessage(id: "${id}", content: "y") { id } }`);
    await publisher.query(`mutation { addReaction(messageId: "${id}", emoji: ":+1:") { id } }`);
    await publisher.query('mutation { publish(topic: "news", payload: 1) { id } }');
    await eventually(() => {
      expect([messages, changes, publications].map(({ events }) => events.length)).toEqual([1, 2, 1]);
      const added = spans.slice(from);
      const sources = added.filter(({ name }) => /^engine\.(append|edit|add|publish)/.test(name));
      const deliveries = added.filter(({ name }) => name.startsWith('deliver '));
      expect(sources.map(({ name }) => name).sort()).toEqual([
        'engine.addReaction',
        'engine.appendMessage',
        'engine.editMessage',
        'engine.publish',
      ]);
      expect(deliveries.map(({ name }) => name).sort()).toEqual([
        ...Array(3).fill('deliver message'),
        'deliver publication',
      ]);
      const place = ({ traceId, spanId }: { traceId: string; spanId: string }): string => `${traceId} ${spanId}`;
      expect(deliveries.flatMap(({ links = [] }) => links.map(place)).sort()).toEqual(sources.map(place).sort());
      // Of traces of their own: a conversation of thousands would make one of everything.
      const traces = new Set(sources.map(({ traceId }) => traceId));
      expect(deliveries.filter(({ traceId }) => traces.has(traceId))).toEqual([]);
    });
    await client.close();
    await publisher.close();
  }

  it('a delivery is linked to the span that stored the event', () => expectLinked(port, port));

  it('a delivery is linked to the span that stored the event on another node', async () => {
    const settings = onSharedRedis();
    const ports = [await freePort(), await freePort()] as const;
    const nodes = await Promise.all(ports.map((each) => startTraced(each, settings)));
    await expectLinked(...ports);
    for (const node of nodes) await node.stop();
  });

  it.each(['http/json', 'http/protobuf', 'grpc'])(
    'over %s a collector that is away is named once, and so is its return',
    async (protocol) => {
      const [at, collectorAt] = [await freePort(), await freePort()];
      const traced = await startTraced(at, {
        DATA_DIR: ':memory:',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collectorAt}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_TIMEOUT: '400',
      });
      const lines = (): string[] =>
        [...traced.output.matchAll(/"setting":"(\w+)".*"msg":"(.*)"/g)].map(
          ([, setting, line]) => `${setting}: ${line}`,
        );
      const ask = async (): Promise<void> => {
        const token = await tokenOf('alice');
        await fetch(`http://127.0.0.1:${at}/graphql`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: '{"query":"{ viewer { id } }"}',
        });
      };
      const away = 'OTEL_EXPORTER_OTLP_ENDPOINT: the collector does not accept traces; they are dropped until it does';
      const back = 'OTEL_EXPORTER_OTLP_ENDPOINT: the collector accepts traces again';
      await eventually(async () => {
        await ask();
        expect(lines()).toEqual([away]);
      });
      const grpc = protocol === 'grpc';
      const returned = grpc ? createHttp2() : createServer((_, response) => void response.end());
      if (grpc)
        returned.on('stream', (stream: ServerHttp2Stream) => {
          stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
          stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
          stream.end(Buffer.alloc(5));
        });
      returned.listen(collectorAt, '127.0.0.1');
      await eventually(async () => {
        await ask();
        expect(lines()).toEqual([away, back]);
      });
      await traced.stop();
      expect(traced.process.exitCode).toBe(0);
      returned.close();
    },
  );

  it('a stop does not wait for a collector that never answers', async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const at = await freePort();
    const traced = await startTraced(at, {
      DATA_DIR: ':memory:',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      // Longer than this test waits.
      OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
      OTEL_BSP_EXPORT_TIMEOUT: '3600000',
    });
    const asked = once(silent, 'request');
    const client = await connectClient(`ws://127.0.0.1:${at}/graphql`, await tokenOf('alice'));
    await client.query('{ viewer { id } }');
    await client.close();
    await asked;
    await traced.stop();
    expect(traced.process.exitCode).toBe(0);
    silent.close();
    silent.closeAllConnections();
  });

  it('is off unless configured', async () => {
    const log = createLog('silent');
    expect(await startTracing({}, log)).toBeNull();
    expect(await startTracing({ OTEL_TRACES_EXPORTER: 'none' }, log)).toBeNull();
    expect(await startTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_SDK_DISABLED: 'true' }, log)).toBeNull();
  });
});
