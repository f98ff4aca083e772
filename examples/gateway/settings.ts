/** The settings of the gateway, from its environment. */

export const MODES = ['sse', 'ws', 'callback'] as const;
/** How the gateway subscribes to the subgraphs. */
export type Mode = (typeof MODES)[number];

export interface Settings {
  readonly port: number;
  /** The URL under which subgraphs reach this gateway, for callbacks. */
  readonly publicUrl: string;
  readonly mode: Mode;
  /** The configured subgraphs, by name. Others may register; a registration cannot move these. */
  readonly subgraphs: ReadonlyMap<string, string>;
  /** The bearer token that a registration needs; null: registration is closed. */
  readonly registrationToken: string | null;
  /** The GATEWAY_SECRET of the real-time subgraph, by which the gateway proves itself. */
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

/** A token that can be guessed is worse than none. */
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
