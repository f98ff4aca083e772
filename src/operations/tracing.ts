/**
 * OpenTelemetry traces, configured by the variables of its SDK (`OTEL_…`). Without
 * them nothing of it is loaded, and nothing is wrapped: off costs nothing.
 *
 * A request or an operation on a socket is a span; the rules it meets are its
 * children (`messages.send`), and what the engine is asked theirs (`engine.appendMessage`).
 */
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';

const NAME = 'realtime-communication';

/** A request that is traced. */
export interface RequestSpan {
  /** Runs what belongs to the request. */
  run(work: () => void): void;
  end(status: number): void;
}

export interface Tracing {
  /** Functions of `target` as spans. `isRoot`: also where nothing is traced yet. */
  wrap<Target extends object>(prefix: string, target: Target, isRoot: boolean): Target;
  /** Goes on with the trace that the headers name (W3C Trace Context). */
  request(method: string, path: string, headers: Readonly<Record<string, unknown>>): RequestSpan;
  close(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const isWanted = (environment: Environment): boolean => {
  if (environment['OTEL_SDK_DISABLED'] === 'true' || environment['OTEL_TRACES_EXPORTER'] === 'none') return false;
  const names = ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  return names.some((name) => environment[name]);
};

/** Null: nothing is to be traced. */
export async function startTracing(environment: Environment): Promise<Tracing | null> {
  if (!isWanted(environment)) return null;
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ serviceName: environment['OTEL_SERVICE_NAME'] ?? NAME });
  sdk.start();
  const tracer = trace.getTracer(NAME);
  return {
    wrap: (prefix, target, isRoot) => wrap(tracer, prefix, target, isRoot),
    request: (method, path, headers) => openRequest(tracer, method, path, headers),
    close: () => sdk.shutdown().catch(() => undefined),
  };
}

type Work = (...args: unknown[]) => unknown;

function wrap<Target extends object>(tracer: Tracer, prefix: string, target: Target, isRoot: boolean): Target {
  const entries = Object.entries(target).map(([name, value]) =>
    typeof value === 'function' ? [name, traced(tracer, `${prefix}.${name}`, value as Work, isRoot)] : [name, value],
  );
  return Object.fromEntries(entries) as Target;
}

function traced(tracer: Tracer, name: string, work: Work, isRoot: boolean): Work {
  return (...args) => {
    if (!isRoot && !trace.getActiveSpan()) return work(...args);
    return tracer.startActiveSpan(name, (span) => {
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

/** Says which code of the closed list it was; messages of faults may hold what is not for a trace. */
function fail(span: Span, error: unknown): never {
  span.setStatus({ code: SpanStatusCode.ERROR, message: String((error as { code?: unknown }).code ?? 'fault') });
  span.end();
  throw error;
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
