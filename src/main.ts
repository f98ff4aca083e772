/** The process: environment in, start, signals, exit code. */
import { randomUUID } from 'node:crypto';
import { signToken } from './access/tokens.ts';
import { systemClock } from './clock.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { createLog, type Log, logLibraryOutput } from './log.ts';
import { VERSION } from './observability/info.ts';
import { startTracing, traceOfLine } from './observability/tracing.ts';
import { type Service, startService, withSecrets } from './service.ts';
import { Primary } from './workers/primary.ts';
import { asWorker, type Worker } from './workers/worker.ts';

const TOKEN_LIFE_S = 24 * 60 * 60;

/** The first hints for a newcomer: the URL, a token, and a command to try. */
async function greet(
  { port, secrets, kind }: { readonly port: number; readonly secrets: readonly string[]; readonly kind: string },
  { jwt, hasConsole, tls }: Pick<Config, 'jwt' | 'hasConsole' | 'tls'>,
): Promise<void> {
  const [secret] = secrets;
  if (!secret) return;
  const expiresAt = Math.floor(Date.now() / 1_000) + TOKEN_LIFE_S;
  const token = await signToken({ secret, userId: 'demo', tenantClaim: jwt.tenantClaim, expiresAt });
  const [url, socketUrl] = ['http', 'ws'].map((scheme) => `${scheme}${tls ? 's' : ''}://localhost:${port}`);
  process.stdout.write(`
Real-time subgraph, ${kind} engine
${hasConsole ? `  Console        ${url}\n` : ''}  GraphQL        ${url}/graphql   ${socketUrl}/graphql
  Token (demo)   ${token}

Try it:
  curl ${tls ? '--insecure ' : ''}${url}/graphql -H 'content-type: application/json' -H 'authorization: Bearer ${token}' \\
    -d '{"query": "mutation { createConversation(input: {id: \\"hello\\", name: \\"Hello\\"}) { id name } }"}'

`);
}

type OnStop = (stop: (signal: NodeJS.Signals) => void) => void;

const atSignals: OnStop = (stop) => {
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
};

interface Ending {
  readonly abandon: AbortSignal;
  serve(service: Pick<Service, 'close'>): void;
}

/** Ends the process on a signal, also during the start; on a second signal at once, after `kill`. */
function endWhenTold(log: Log, onStop: OnStop, kill = (): void => undefined): Ending {
  const abandoning = new AbortController();
  let service: Pick<Service, 'close'> | null = null;
  const stop = (signal: NodeJS.Signals): void => {
    if (abandoning.signal.aborted) {
      kill();
      process.exit(1);
    }
    log.info({ signal }, 'service stopping');
    abandoning.abort();
    if (service) end(service.close());
  };
  const end = (closed: Promise<void>): void =>
    void closed.then(
      () => {
        log.info('service stopped');
        process.exit(0);
      },
      (error: unknown) => {
        log.error({ err: error }, 'the stop failed');
        process.exit(1);
      },
    );
  onStop(stop);
  return {
    abandon: abandoning.signal,
    serve(started) {
      service = started;
      // The signal arrived when the service had just started.
      if (abandoning.signal.aborted) end(service.close());
    },
  };
}

/** Starts the workers, and ends with them. */
async function supervise(given: Config, log: Log): Promise<void> {
  // The secret created here is shared by all workers.
  const { jwt, workers, metricsTenants, isProduction } = withSecrets(given);
  const [secret] = given.jwt.secrets.length === 0 ? jwt.secrets : [];
  const environment = secret === undefined ? {} : { JWT_SECRET: secret };
  const primary = new Primary({ count: workers, environment, tenants: metricsTenants, clock: systemClock, log });
  const { abandon, serve } = endWhenTold(log, atSignals, () => primary.kill());
  serve({ close: () => primary.stop() });
  const outcome = await primary.start();
  if ('code' in outcome) process.exit(outcome.code);
  const { port } = outcome;
  log.info({ port, engine: 'redis', workers }, 'service started');
  if (!isProduction && !abandon.aborted) await greet({ port, secrets: jwt.secrets, kind: 'redis' }, given);
}

/** Serves, alone or as one of several. */
async function serveHere(config: Config, log: Log, nodeId: string, worker: Worker | null): Promise<void> {
  // A rejected promise of one connection does not end all others (G13).
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  const { abandon, serve } = endWhenTold(log, worker?.onStop ?? atSignals);
  try {
    const service = await startService(config, log, {
      tracing: await startTracing(process.env, log),
      nodeId,
      abandon,
      worker,
      listening: (port) => log.info({ port }, 'listening'),
    });
    const { port, secrets, engine } = service;
    serve(service);
    if (worker) return worker.serves(port);
    log.info({ port, engine: engine.kind }, 'service started');
    if (!config.isProduction && !abandon.aborted) await greet({ port, secrets, kind: engine.kind }, config);
  } catch (error) {
    if (!abandon.aborted) throw error;
    log.info('service stopped');
    process.exit(0);
  }
}

async function main(): Promise<void> {
  // The reader of the output may be gone. The service continues.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const config = readConfig(process.env);
  const worker = asWorker(process.env);
  const nodeId = randomUUID();
  // The process that starts the workers serves nothing, so it is no node.
  const about = !worker && config.workers > 1 ? { version: VERSION } : { node: nodeId, version: VERSION };
  const log = createLog(config.logLevel, process.stdout, about, traceOfLine);
  logLibraryOutput(log);
  if (!worker) for (const warning of config.warnings) log.warn(warning);
  if (!worker && config.workers > 1) await supervise(config, log);
  else await serveHere(config, log, nodeId, worker);
}

main().catch((error: unknown) => {
  const message =
    error instanceof ConfigError ? error.message : `The service cannot start: ${(error as Error).message}`;
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
