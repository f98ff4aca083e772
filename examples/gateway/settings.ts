/** What the gateway reads from its environment. */

export const MODES = ['sse', 'ws', 'callback'] as const;
/** How the gateway subscribes at the subgraphs. */
export type Mode = (typeof MODES)[number];

export interface Settings {
  readonly port: number;
  /** Where subgraphs reach this gateway: callbacks are sent there. */
  readonly publicUrl: string;
  readonly mode: Mode;
  /** The subgraphs asked from the start, by name; others may register. */
  readonly subgraphs: ReadonlyMap<string, string>;
  /** What a registration must carry as its bearer token; null: nothing. */
  readonly registrationToken: string | null;
  /** Proves to subgraphs that it is the gateway that asks: their GATEWAY_SECRET. */
  readonly secret: string | null;
}

const DEFAULT_SUBGRAPHS = 'users=http://localhost:4001/graphql,realtime=http://localhost:8081/graphql';

function pairs(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(',').map((pair) => {
      const [, name, url] = /^([\w-]+)=(https?:\/\/.+)$/.exec(pair.trim()) ?? [];
      if (!name || !url) throw new Error('SUBGRAPHS: takes name=url, comma-separated.');
      return [name, url];
    }),
  );
}

export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const port = Number(environment['PORT'] || 4_000);
  const mode = MODES.find((each) => each === (environment['SUBSCRIPTION_MODE'] || 'sse'));
  if (!mode) throw new Error(`SUBSCRIPTION_MODE: takes ${MODES.join(', ')}.`);
  return {
    port,
    publicUrl: environment['PUBLIC_URL'] || `http://localhost:${port}`,
    mode,
    subgraphs: pairs(environment['SUBGRAPHS'] || DEFAULT_SUBGRAPHS),
    registrationToken: environment['GATEWAY_REGISTRATION_TOKEN'] || null,
    secret: environment['GATEWAY_SECRET'] || null,
  };
}
