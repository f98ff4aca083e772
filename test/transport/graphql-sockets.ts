/** A service and raw sockets at its `/graphql`, for the tests of a file. Each test closes all of its sockets. */
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';

export const PROTOCOL = 'graphql-transport-ws';
export const CARRIED = 'realtime_subscriptions{transport="graphql_ws"}';

export class GraphqlSockets {
  service!: TestService;
  readonly env = { MAX_CONNECTIONS: '50', MAX_QUEUED_BYTES: '64KiB', ALLOWED_ORIGINS: 'https://app.example.com' };
  /** Of the present test. */
  readonly opened: RawSocket[] = [];

  constructor() {
    beforeAll(async () => {
      this.service = await startTestService({ env: this.env });
    });
    afterEach(async () => {
      for (const { socket } of this.opened.splice(0)) socket.terminate();
      await eventually(async () => expect(await this.metric('realtime_connections{transport="graphql_ws"}')).toBe(0));
    });
    afterAll(() => this.service.close());
  }

  async open(protocols: string[] = [PROTOCOL], headers: Record<string, string> = {}): Promise<RawSocket> {
    const raw = await openSocket(this.service.wsUrl, protocols, headers);
    this.opened.push(raw);
    return raw;
  }

  /** A socket that is acknowledged. */
  async ready(user = 'alice'): Promise<RawSocket> {
    const raw = await this.open();
    raw.send({ type: 'connection_init', payload: { token: await this.service.token(user) } });
    expect(await raw.frame(0)).toMatchObject({ type: 'connection_ack' });
    return raw;
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.service.url}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    if (!line) throw new Error(`No metric ${name}.`);
    return Number(line.slice(name.length + 1));
  }
}
