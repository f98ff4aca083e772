/** The caps of one address, and the clients that are not counted by theirs. */
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';

const GATEWAY_SECRET = 'a-secret-of-the-gateway';
const PAGE = '198.51.100.7';

describe('caps per address', () => {
  let service: TestService;
  const opened: RawSocket[] = [];
  beforeEach(async () => {
    service = await startTestService({
      env: { TRUST_PROXY: 'true', MAX_CONNECTIONS_PER_ADDRESS: '2', GATEWAY_SECRET },
    });
  });
  afterEach(async () => {
    for (const { socket } of opened.splice(0)) socket.terminate();
    await service.close();
  });

  /** Whether a socket that a proxy forwards for these addresses stays open. */
  const isLetIn = async (forwardedFor: string, headers: Record<string, string> = {}): Promise<boolean> => {
    const socket = await openSocket(service.wsUrl, ['graphql-transport-ws'], {
      'x-forwarded-for': forwardedFor,
      ...headers,
    });
    opened.push(socket);
    const payload = { token: await service.token('alice') };
    socket.send({ type: 'connection_init', payload });
    return Promise.race([socket.closed.then(() => false), socket.frame(0).then(() => true)]);
  };
  const times = async (count: number, work: () => Promise<boolean>): Promise<boolean[]> => {
    const answers = [];
    for (let n = 0; n < count; n += 1) answers.push(await work());
    return answers;
  };

  it('each public address has its own cap of sockets and streams', async () => {
    expect(await times(3, () => isLetIn(PAGE))).toEqual([true, true, false]);
    expect(await opened.at(-1)?.closed).toBe(1013);
    expect(await isLetIn('198.51.100.8')).toBe(true);
    const body = { query: 'subscription { messageReceived { id } }' };
    const headers = { accept: 'text/event-stream', 'x-forwarded-for': PAGE };
    const stream = await openStream(service, await service.token('alice'), body, headers);
    expect([stream.status, stream.headers.get('retry-after')]).toEqual([503, '1']);
    opened[0]?.socket.terminate();
    await eventually(async () => expect(await isLetIn(PAGE)).toBe(true));
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).toMatch(/realtime_turned_away_total\{reason="address"\} [2-9]/);
  });

  it('H29: forged addresses before the proxy’s entry are ignored', async () => {
    const forged = ['1.1.1.1', '10.0.0.1, nonsense', '"><script>'].map((made) => `${made}, ${PAGE}, 10.1.2.3`);
    const answers = [];
    for (const each of forged) answers.push(await isLetIn(each));
    expect(answers).toEqual([true, true, false]);
  });

  it('an IPv6 address counts with its /64 network, an IPv4-mapped one as IPv4', async () => {
    expect(await isLetIn('2001:db9:1:2::1')).toBe(true);
    expect(await isLetIn('2001:db9:1:2:ffff::9')).toBe(true);
    expect(await isLetIn('2001:db9:1:2::3')).toBe(false);
    expect(await isLetIn('2001:db9:1:3::1')).toBe(true);
    expect(await times(2, () => isLetIn(`::ffff:${PAGE}`))).toEqual([true, true]);
    expect(await isLetIn(PAGE)).toBe(false);
  });

  it('private networks and proven gateways have no cap', async () => {
    expect(await times(4, () => isLetIn('10.0.0.9'))).toEqual([true, true, true, true]);
    const proof = { 'router-authorization': GATEWAY_SECRET };
    expect(await times(4, () => isLetIn(PAGE, proof))).toEqual([true, true, true, true]);
    expect(await times(3, () => isLetIn(PAGE, { 'router-authorization': 'made-up-secret-of-16' }))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('a gateway that proves itself in connection_init is no longer counted', async () => {
    for (let n = 0; n < 4; n += 1) {
      const socket = await openSocket(service.wsUrl, ['graphql-transport-ws'], { 'x-forwarded-for': PAGE });
      opened.push(socket);
      const payload = { token: await service.token('alice'), 'Router-Authorization': GATEWAY_SECRET };
      socket.send({ type: 'connection_init', payload });
      expect((await socket.frame(0)).type).toBe('connection_ack');
    }
  });
});
