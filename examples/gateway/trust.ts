/** What each subgraph is trusted with: a registration makes it part of the graph, and wins nobody's token. */
import type { Settings } from './settings.ts';

/** The subgraph whose secret `GATEWAY_SECRET` is. */
const REALTIME = 'realtime';

export interface Trust {
  /** Callers' tokens go to it. */
  readonly isConfigured: boolean;
  /** It is sent `GATEWAY_SECRET`: that is the secret of one subgraph. */
  readonly knowsSecret: boolean;
}

export function trustIn({ subgraphs }: Pick<Settings, 'subgraphs'>, name: string): Trust {
  const isConfigured = subgraphs.has(name);
  return { isConfigured, knowsSecret: isConfigured && name === REALTIME };
}

/** The headers a subgraph is asked with: what is not for it is left out. */
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
