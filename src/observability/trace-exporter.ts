/**
 * Sends spans to the collector. The SDK reports no failures, so this exporter logs them, once for each outage.
 */
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import type { Log } from '../log.ts';

type SpanExporter = NodeSDKConfiguration['traceExporter'];
type Environment = Readonly<Record<string, string | undefined>>;

/** Null: `OTEL_TRACES_EXPORTER` names another destination than a collector. */
export async function createTraceExporter(
  environment: Environment,
  log: Pick<Log, 'warn' | 'info'>,
): Promise<SpanExporter | null> {
  if ((environment['OTEL_TRACES_EXPORTER'] || 'otlp') !== 'otlp') return null;
  const setting = environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
    ? 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'
    : 'OTEL_EXPORTER_OTLP_ENDPOINT';
  return reporting(await openExporter(environment), setting, log);
}

async function openExporter(environment: Environment): Promise<SpanExporter> {
  switch (environment['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || environment['OTEL_EXPORTER_OTLP_PROTOCOL']) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
    default:
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
  }
}

/** The same exporter, which logs when it begins to fail and when it works again. */
function reporting(exporter: SpanExporter, setting: string, log: Pick<Log, 'warn' | 'info'>): SpanExporter {
  let isAway = false;
  function report(error: Error | null): void {
    if (isAway === (error !== null)) return;
    isAway = error !== null;
    if (!error) return log.info({ setting }, 'the collector accepts traces again');
    const { code = error.message } = error as { readonly code?: unknown };
    // The message of an error with a code may contain an address.
    log.warn({ setting, reason: String(code) }, 'the collector does not accept traces; they are dropped until it does');
  }
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        report(result.code === 0 ? null : (result.error ?? new Error('unknown')));
        done(result);
      }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
