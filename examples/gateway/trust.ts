/** What each subgraph is trusted with. A registered subgraph is part of the graph, but receives no caller's token. */
import type { Settings } from './settings.ts';

/** The subgraph that `GATEWAY_SECRET` belongs to. */
const REALTIME = 'realtime';

export interface Trust {
  /** Whether it receives callers' tokens. */
  readonly isConfigured: boolean;
  /** Whether it receives `GATEWAY_SECRET`, which is the secret of one subgraph. */
  readonly knowsSecret: boolean;
}

export function trustIn({ subgraphs }: Pick<Settings, 'subgraphs'>, name: string): Trust {
  const isConfigured = subgraphs.has(name);
  return { isConfigured, knowsSecret: isConfigured && name === REALTIME };
}

/** The headers of a request to a subgraph, without those that it must not receive. */
export function credentialsFor(
  settings: Pick<Settings, 'subgraphs'>,
  name: string,
  { authorization, secret }: { readonly authorization: string | null; readonly secret: string | null },
): Readonly<Record<string, string>> {
  const { isConfigured, knowsSecret } = trustIn(settings, name);
  return {
    ...(isConfigured && authorization !== null ? { authorization } : {}),
    ...(knowsSecret && secret !== null ? { 'router-authorization': secret } : {}),
  };
}
