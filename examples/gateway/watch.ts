/** Polls the SDL of the subgraphs, so that they need not register, start first, or report changes. */
import type { Settings } from './settings.ts';
import type { Outcome, Supergraph } from './supergraph.ts';
import { trustIn } from './trust.ts';

const INTERVAL_MS = 5_000;
const PATIENCE_MS = 3_000;

const QUESTION = JSON.stringify({ query: '{ _service { sdl } }' });

async function fetchSdl(url: string, secret: string | null): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(secret ? { 'router-authorization': secret } : {}) },
    body: QUESTION,
    // Only this address may receive the secret.
    redirect: 'error',
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const { data } = (await response.json()) as { data?: { _service?: { sdl?: string } } };
  if (!data?._service?.sdl) throw new Error(`${url} does not return its SDL.`);
  return data._service.sdl;
}

/** Resolves once each subgraph was asked for the first time. Polls them until `signal` is aborted. */
export async function watch(
  supergraph: Supergraph,
  settings: Settings,
  onOutcome: (name: string, outcome: Outcome) => void,
  signal: AbortSignal,
): Promise<void> {
  const { subgraphs } = settings;
  async function ask(name: string, url: string): Promise<void> {
    const secret = trustIn(settings, name).knowsSecret ? settings.secret : null;
    const sdl = await fetchSdl(url, secret).catch(() => null);
    if (sdl === null || signal.aborted) return;
    // If it has registered, it may have a version and a URL for subscriptions.
    const known = supergraph.get(name) ?? { name, url, subscriptionUrl: null, version: null };
    onOutcome(name, supergraph.offer({ ...known, sdl }));
  }
  async function askAll(): Promise<void> {
    const registered = supergraph.subgraphs.map(({ name, url }) => [name, url] as const);
    await Promise.all([...new Map([...subgraphs, ...registered])].map(([name, url]) => ask(name, url)));
    if (!signal.aborted) setTimeout(askAll, INTERVAL_MS).unref();
  }
  await askAll();
}
