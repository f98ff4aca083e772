/** The process: environment in, start, signals, exit code. */
import { randomUUID } from 'node:crypto';
import { signToken } from './access/tokens.ts';
import { ConfigError, readConfig } from './config.ts';
import { createLog, type Log } from './log.ts';
import { VERSION } from './observability/info.ts';
import { startTracing } from './observability/tracing.ts';
import { type Service, startService } from './service.ts';

const TOKEN_LIFE_S = 24 * 60 * 60;

/** What a newcomer needs to go on: where, who, and one thing to try. */
async function greet({ port, secrets, engine }: Service, jwt: { tenantClaim: string }): Promise<void> {
  const [secret] = secrets;
  if (!secret) return;
  const expiresAt = Math.floor(Date.now() / 1_000) + TOKEN_LIFE_S;
  const token = await signToken({ secret, userId: 'demo', tenantClaim: jwt.tenantClaim, expiresAt });
  const url = `http://localhost:${port}`;
  process.stdout.write(`
Real-time subgraph, ${engine.kind} engine
  GraphQL        ${url}/graphql   ws://localhost:${port}/graphql
  Token (demo)   ${token}

Try it:
  curl ${url}/graphql -H 'content-type: application/json' -H 'authorization: Bearer ${token}' \\
    -d '{"query": "mutation { createConversation(input: {id: \\"hello\\", name: \\"Hello\\"}) { id name } }"}'

`);
}

/** Ends the process at SIGTERM and SIGINT, whether it still starts or serves; at a second one at once. */
function endAtSignals(log: Log): { readonly abandon: AbortSignal; serve(service: Service): void } {
  const abandoning = new AbortController();
  let service: Service | null = null;
  const stop = (signal: NodeJS.Signals): void => {
    if (abandoning.signal.aborted) process.exit(1);
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
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return {
    abandon: abandoning.signal,
    serve(started) {
      service = started;
      // It was there in the moment in which it was told to stop.
      if (abandoning.signal.aborted) end(service.close());
    },
  };
}

async function main(): Promise<void> {
  // Whoever read the output may be gone. The service goes on, and has nobody to tell.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const config = readConfig(process.env);
  const nodeId = randomUUID();
  const log = createLog(config.logLevel, process.stdout, { node: nodeId, version: VERSION });
  for (const warning of config.warnings) log.warn(warning);
  // A promise of one connection that nobody waits for is not the end of all others (G13).
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  const { abandon, serve } = endAtSignals(log);
  try {
    const service = await startService(config, log, {
      tracing: await startTracing(process.env),
      nodeId,
      abandon,
      listening: (port) => log.info({ port }, 'listening'),
    });
    log.info({ port: service.port, engine: service.engine.kind }, 'service started');
    serve(service);
    if (!config.isProduction && !abandon.aborted) await greet(service, config.jwt);
  } catch (error) {
    if (!abandon.aborted) throw error;
    log.info('service stopped');
    process.exit(0);
  }
}

main().catch((error: unknown) => {
  const message =
    error instanceof ConfigError ? error.message : `The service cannot start: ${(error as Error).message}`;
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
