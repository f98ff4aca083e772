/** The real example gateway, with the example users subgraph. */
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { startProgram } from './process.ts';
import type { Data } from './service.ts';

export const MODES = ['sse', 'ws', 'callback'] as const;

export interface Gateway {
  readonly url: string;
  query(token: string, query: string, variables?: object): Promise<Data>;
  health(): Promise<Data>;
  register(announcement: object, token?: string): Promise<{ readonly status: number; readonly body: Data }>;
  close(): Promise<void>;
}

/** Where it will listen; known before, since the service must allow its callbacks. */
export async function placeForGateway(): Promise<{ readonly url: string; readonly port: number }> {
  const port = await freePort();
  return { url: `http://127.0.0.1:${port}`, port };
}

const post = (url: string, token: string | undefined, body: object): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });

/** Ready once all subgraphs are part of its supergraph; `others` by name, with their URLs. */
export async function startGateway(
  { url, port }: { readonly url: string; readonly port: number },
  realtimeUrl: string,
  env: Readonly<Record<string, string>> = {},
  others: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  const more = Object.entries(others).map(([name, otherUrl]) => `,${name}=${otherUrl}`);
  const programs = [await startProgram('examples/users-subgraph.ts', { PORT: '0' }, /Users subgraph at/)];
  const close = async (): Promise<void> => {
    for (const program of programs.toReversed()) await program.stop();
  };
  const usersUrl = /at (http\S+)/.exec(programs[0]?.output ?? '')?.[1];
  const health = async (): Promise<Data> => (await fetch(`${url}/health/detailed`)).json();
  try {
    programs.push(
      await startProgram(
        'examples/gateway/gateway.ts',
        {
          PORT: String(port),
          PUBLIC_URL: url,
          SUBGRAPHS: `users=${usersUrl},realtime=${realtimeUrl}/graphql${more.join('')}`,
          ...env,
        },
        /Gateway at/,
      ),
    );
    await eventually(async () => expect((await health()).status).toBe('ok'));
  } catch (error) {
    // A child that is left keeps the test run from ending.
    await close();
    throw error;
  }
  return {
    url,
    health,
    query: async (token, query, variables = {}) => (await post(`${url}/graphql`, token, { query, variables })).json(),
    async register(announcement, token) {
      const response = await post(`${url}/register`, token, announcement);
      return { status: response.status, body: await response.json() };
    },
    close,
  };
}
