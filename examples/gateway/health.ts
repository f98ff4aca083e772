/** Whether the gateway and each subgraph behind it work. */
import type { Settings } from './settings.ts';
import type { Supergraph } from './supergraph.ts';

const PATIENCE_MS = 3_000;

type Status = 'ok' | 'down' | 'degraded';

interface SubgraphHealth {
  readonly status: Status;
  readonly url: string;
  readonly version: string | null;
  readonly latencyMs: number;
  /** Its answer at `/health/detailed`, or the error of the request. */
  readonly detail: unknown;
}

/** Requests the health of a subgraph, at the path beside its GraphQL endpoint. */
async function ask(url: string, version: string | null): Promise<SubgraphHealth> {
  const start = performance.now();
  const told = await fetch(new URL('/health/detailed', url), { signal: AbortSignal.timeout(PATIENCE_MS) })
    .then(async (response) => ({ status: response.ok ? 'ok' : 'down', detail: await response.json() }) as const)
    .catch((error: Error) => ({ status: 'down', detail: { error: error.message } }) as const);
  return { ...told, url, version, latencyMs: Math.round(performance.now() - start) };
}

export async function healthOf(supergraph: Supergraph, { mode, subgraphs }: Settings) {
  const known = new Map([...subgraphs].map(([name, url]) => [name, { url, version: null as string | null }]));
  for (const { name, url, version } of supergraph.subgraphs) known.set(name, { url, version });
  const answers = Object.fromEntries(
    await Promise.all([...known].map(async ([name, { url, version }]) => [name, await ask(url, version)] as const)),
  );
  const { composedAt } = supergraph;
  const areAllUp = Object.keys(answers).every((name) => answers[name]?.status === 'ok' && supergraph.get(name));
  const status: Status = composedAt === null ? 'down' : areAllUp ? 'ok' : 'degraded';
  const composed = supergraph.subgraphs.map(({ name }) => name);
  return {
    status,
    gateway: {
      status: composedAt === null ? 'down' : 'ok',
      uptimeSeconds: Math.floor(process.uptime()),
      subscriptionMode: mode,
      supergraph: { composedAt, subgraphs: composed },
    },
    subgraphs: answers,
  };
}
