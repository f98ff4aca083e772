/** What the gateway reads from its environment. */

export const MODES = ['sse', 'ws', 'callback'] as const;
/** How the gateway subscribes at the subgraphs. */
export type Mode = (typeof MODES)[number];

export interface Settings {
  readonly port: number;
  /** Where subgraphs reach this gateway: callbacks are sent there. */
  readonly publicUrl: string;
  readonly mode: Mode;
  /** The subgraphs asked from the start, by name; others may register, and these stay where they are. */
  readonly subgraphs: ReadonlyMap<string, string>;
  /** What a registration must carry as its bearer token; null: there is none, and nobody registers. */
  readonly registrationToken: string | null;
  /** Proves to the real-time subgraph that it is the gateway that asks: its GATEWAY_SECRET. */
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

/** Short enough to be guessed is worse than none. */
const LEAST_TOKEN = 16;

function registrationToken(token: string | undefined): string | null {
  if (!token) return null;
  if (token.length < LEAST_TOKEN)
    throw new Error(`GATEWAY_REGISTRATION_TOKEN: takes ${LEAST_TOKEN} characters or more.`);
  return token;
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
    registrationToken: registrationToken(environment['GATEWAY_REGISTRATION_TOKEN']),
    secret: environment['GATEWAY_SECRET'] || null,
  };
}
