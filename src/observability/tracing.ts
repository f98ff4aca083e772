/**
 * OpenTelemetry traces, configured by the variables of the SDK (`OTEL_…`). Without these variables nothing is loaded or
 * wrapped, so disabled tracing costs nothing.
 *
 * A request or an operation on a socket is a span. Its children are calls of the domain (`messages.send`), and their
 * children are calls of the engine (`engine.appendMessage`). Announcements contain their origin, so that the delivery
 * on each node is linked to it.
 */
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { deadline } from '../clock.ts';
import type { BusListener, CurrentTrace, Engine } from '../engine/port.ts';
import type { Log } from '../log.ts';
import { TIMES } from '../times.ts';
import { createTraceExporter } from './trace-exporter.ts';

const NAME = 'realtime-communication';

/** A request that is traced. */
export interface RequestSpan {
  /** Runs the work of the request. */
  run(work: () => void): void;
  end(status: number): void;
}

export interface Tracing {
  /** Wraps a group of the domain's functions in spans, which are roots outside a trace. */
  wrapRules<Group extends object>(name: string, group: Group): Group;
  /** Calls of the engine as child spans, and its announcements as deliveries linked to their origin. */
  wrapEngine(engine: Engine): Engine;
  readonly current: CurrentTrace;
  /** Continues the trace that the headers name (W3C Trace Context). */
  request(method: string, path: string, headers: Readonly<Record<string, unknown>>): RequestSpan;
  close(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const isWanted = (environment: Environment): boolean => {
  if (environment['OTEL_SDK_DISABLED'] === 'true' || environment['OTEL_TRACES_EXPORTER'] === 'none') return false;
  const names = ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  return names.some((name) => environment[name]);
};

/** For log lines: the current trace, if there is one. */
export function traceOfLine(): { readonly trace?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span && isSpanContextValid(span) ? { trace: span.traceId } : {};
}

/** Null: tracing is disabled. */
export async function startTracing(environment: Environment, log: Log): Promise<Tracing | null> {
  if (!isWanted(environment)) return null;
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const traceExporter = await createTraceExporter(environment, log);
  const sdk = new NodeSDK({
    serviceName: environment['OTEL_SERVICE_NAME'] ?? NAME,
    ...(traceExporter ? { traceExporter } : {}),
    // Otherwise the SDK would also send metrics and logs, which it does not have.
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  const tracer = trace.getTracer(NAME);
  return {
    wrapRules: (name, group) => wrap(tracer, name, group, null),
    wrapEngine(engine) {
      const wrapped = wrap(tracer, 'engine', engine, { 'db.system.name': SYSTEMS[engine.kind] });
      return { ...wrapped, listen: (channel, listener) => wrapped.listen(channel, linked(tracer, listener)) };
    },
    current: () => toTraceparent(trace.getActiveSpan()?.spanContext()),
    request: (method, path, headers) => openRequest(tracer, method, path, headers),
    close: () => within(TIMES.lastTracesMs, sdk.shutdown()),
  };
}

/** Resolves when the work has ended, also if it failed, or after `ms`. */
function within(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = deadline(ms, resolve);
    work.then(resolve, () => resolve()).finally(cancel);
  });
}

type Work = (...args: unknown[]) => unknown;

/** Names of OpenTelemetry's semantic conventions for databases. */
const SYSTEMS = { embedded: 'sqlite', redis: 'redis' } as const;

/**
 * `database`: the attributes of an engine's spans, which are never roots. Null: spans of the domain, which may be
 * roots.
 */
function wrap<Target extends object>(
  tracer: Tracer,
  prefix: string,
  target: Target,
  database: Attributes | null,
): Target {
  const entries = Object.entries(target).map(([name, value]) => {
    if (typeof value !== 'function') return [name, value];
    const options = database ? { attributes: { ...database, 'db.operation.name': name } } : null;
    return [name, traced(tracer, `${prefix}.${name}`, value as Work, options)];
  });
  return Object.fromEntries(entries) as Target;
}

function traced(tracer: Tracer, name: string, work: Work, ofChild: SpanOptions | null): Work {
  return (...args) => {
    if (ofChild && !trace.getActiveSpan()) return work(...args);
    return tracer.startActiveSpan(name, ofChild ?? {}, (span) => {
      try {
        const result = work(...args);
        if (!(result instanceof Promise)) {
          span.end();
          return result;
        }
        return result.then(
          (value: unknown) => {
            span.end();
            return value;
          },
          (error: unknown) => fail(span, error),
        );
      } catch (error) {
        return fail(span, error);
      }
    });
  };
}

/** Records the code of the closed list; messages of errors may hold data that does not belong in a trace. */
function fail(span: Span, error: unknown): never {
  const code = String((error as { code?: unknown }).code ?? 'fault');
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  span.end();
  throw error;
}

/** W3C Trace Context, level 1, section 3.2. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

function toTraceparent(context: SpanContext | undefined): string {
  if (!context || !isSpanContextValid(context)) return '';
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, '0')}`;
}

function fromTraceparent(text: string): SpanContext | null {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text) ?? [];
  if (!traceId || !spanId || !flags) return null;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/**
 * A listener whose work is one span, linked to the origin of the announcement. One span for all listeners of this node,
 * since the work of each is too small.
 */
function linked(tracer: Tracer, listener: BusListener): BusListener {
  return {
    onAnnouncement(announcement) {
      const source = announcement.trace === undefined ? null : fromTraceparent(announcement.trace);
      if (!source) return listener.onAnnouncement(announcement);
      const options = { kind: SpanKind.CONSUMER, links: [{ context: source }], root: true };
      tracer.startActiveSpan(`deliver ${announcement.type}`, options, (span) => {
        try {
          listener.onAnnouncement(announcement);
        } finally {
          span.end();
        }
      });
    },
    onInterrupted: () => listener.onInterrupted(),
  };
}

function openRequest(
  tracer: Tracer,
  method: string,
  path: string,
  headers: Readonly<Record<string, unknown>>,
): RequestSpan {
  const parent: Context = propagation.extract(ROOT_CONTEXT, headers);
  const attributes = { 'http.request.method': method, 'url.path': path };
  const span = tracer.startSpan(`${method} ${path}`, { kind: SpanKind.SERVER, attributes }, parent);
  const here = trace.setSpan(parent, span);
  return {
    run: (work) => context.with(here, work),
    end(status) {
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** The domain, group by group, as spans. */
export function traceGroups<Groups extends object>(groups: Groups, tracing: Tracing): Groups {
  const traced = Object.entries(groups).map(([name, group]) => [name, tracing.wrapRules(name, group as object)]);
  return Object.fromEntries(traced) as Groups;
}
