/** The close codes of docs/protocol.md, and the reaction of a graphql-ws client with default options to each. */
import { readFileSync } from 'node:fs';
import { type Client, type ClientOptions, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';

const QUERY = 'subscription { presenceUpdated(userIds: ["bob"]) { userId } }';
const PROTOCOL = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const ROWS = [...PROTOCOL.matchAll(/^\| (\d{4}) \| [^|]+ \| ([^|]+) \|/gm)].map(
  ([, code, said = '']) => [Number(code), said] as const,
);
const STOPS = 'stops';
const COMES_BACK = /^connects again/;

interface Started {
  readonly service: TestService;
  /** The client's, the latest last. */
  readonly sockets: readonly WebSocket[];
}
interface Way {
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: Partial<ClientOptions>;
  /** Whether the subscription is open before it is caused. */
  readonly isEarly?: boolean;
  bringAbout(started: Started): unknown;
}

const say =
  (...frames: readonly string[]): Way['bringAbout'] =>
  ({ sockets }) => {
    for (const frame of frames) sockets.at(-1)?.send(frame);
  };
const subscribe = JSON.stringify({ id: 'same', type: 'subscribe', payload: { query: QUERY } });
const nothing = (): void => undefined;
const never = new Promise<Record<string, unknown>>(() => undefined);

/** How each is caused. */
const WAYS: Readonly<Record<number, Way>> = {
  1008: {
    bringAbout: ({ sockets }) => {
      for (let n = 0; n < 1_000; n += 1) sockets.at(-1)?.send('', { fin: false });
    },
  },
  1009: { bringAbout: say('x'.repeat(200_000)) },
  1012: { bringAbout: ({ service }) => service.close() },
  1013: { env: { MAX_CONNECTIONS: '1' }, isEarly: true, bringAbout: nothing },
  4400: { bringAbout: say('{') },
  4401: { isEarly: true, options: { connectionParams: { token: 'x' } }, bringAbout: nothing },
  4403: { bringAbout: ({ service }) => service.clock.advance(3_600_000 + TIMES.clockToleranceMs) },
  4408: {
    isEarly: true,
    options: { connectionParams: () => never },
    bringAbout: ({ service }) => service.clock.advance(3_000),
  },
  4409: { bringAbout: say(subscribe, subscribe) },
  4429: { bringAbout: say('{"type":"connection_init"}') },
};

it('every close code of the table is tested here', () => {
  expect(ROWS.map(([code]) => code)).toEqual(Object.keys(WAYS).map(Number));
  for (const [, said] of ROWS) expect(said === STOPS || COMES_BACK.test(said)).toBe(true);
});

/** One that is about to connect again tells of what comes of it. */
const end = async (client: Client): Promise<void> => {
  try {
    await client.dispose();
  } catch {}
};

describe('close codes', () => {
  let service: TestService;
  afterEach(() => service.close());

  async function start({ env = {}, options = {} }: Pick<Way, 'env' | 'options'>) {
    service = await startTestService({ env });
    const token = await service.token('bob');
    const sockets: WebSocket[] = [];
    class Noted extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const closes: number[] = [];
    const seen = { sockets, closes, connects: 0, acknowledged: 0, hasStopped: false };
    const start = () => {
      const client = createClient({
        url: service.wsUrl,
        webSocketImpl: Noted,
        connectionParams: { token },
        // Its own takes seconds.
        retryWait: async () => undefined,
        on: {
          connecting: () => {
            seen.connects += 1;
          },
          connected: () => {
            seen.acknowledged += 1;
          },
          closed: (event) => void closes.push((event as { code: number }).code),
        },
        ...options,
      });
      const stop = (): void => {
        seen.hasStopped = true;
      };
      client.subscribe({ query: QUERY }, { next: nothing, error: stop, complete: stop });
      return client;
    };
    return { seen, start };
  }

  it.each(ROWS)('%i: graphql-ws %s', async (code, said) => {
    const way = WAYS[code] as Way;
    const { seen, start: begin } = await start(way);
    // Of a service that has room for one.
    const first = code === 1013 ? await service.connect('alice') : null;
    const client = begin();
    await eventually(() => expect(way.isEarly ? seen.sockets.length : seen.acknowledged).toBeGreaterThan(0));
    await way.bringAbout({ service, sockets: seen.sockets });
    await eventually(() => expect(seen.closes).toContain(code));
    if (said === STOPS) {
      await eventually(() => expect(seen.hasStopped).toBe(true));
      expect(seen.connects).toBe(1);
    } else await eventually(() => expect(seen.connects).toBeGreaterThan(1));
    await Promise.all([end(client), first?.close()]);
  });

  it('a socket without a subprotocol is closed with 4406, on which a client stops', async () => {
    class Nameless extends WebSocket {
      constructor(url: string) {
        super(url);
      }
    }
    const { seen, start: begin } = await start({ options: { webSocketImpl: Nameless } });
    const client = begin();
    await eventually(() => expect(seen).toMatchObject({ closes: [4406], hasStopped: true, connects: 1 }));
    await end(client);
  });

  it.each([
    [undefined, true],
    [() => true, false],
  ])('a refused handshake stops a client unless shouldRetry allows a retry (%p: %p)', async (shouldRetry, stops) => {
    class Foreign extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols, { origin: 'https://elsewhere.example' });
      }
    }
    const { seen, start: begin } = await start({
      options: { webSocketImpl: Foreign, ...(shouldRetry ? { shouldRetry } : {}) },
    });
    const client = begin();
    if (stops) {
      await eventually(() => expect(seen.hasStopped).toBe(true));
      expect(seen.connects).toBe(1);
    } else await eventually(() => expect(seen.connects).toBeGreaterThan(1));
    await end(client);
  });
});
