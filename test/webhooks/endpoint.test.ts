/** Which addresses a webhook's receiver may have: each is checked once, and no other is connected to. */
import { isPublicAddress } from '../../src/access/addresses.ts';
import { Endpoint, type Resolve } from '../../src/webhooks/endpoint.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const EVENT = { headers: { 'content-type': 'application/json' }, body: '{}' };
const REFUSED = { outcome: 'refused', error: 'The address is not allowed.' };
const never = new AbortController().signal;

describe('the endpoint of a webhook', () => {
  let receiver: WebhookReceiver;
  const endpoints: Endpoint[] = [];
  beforeAll(async () => {
    receiver = await startWebhookReceiver();
  });
  afterEach(() => {
    for (const endpoint of endpoints.splice(0)) endpoint.close();
  });
  afterAll(() => receiver.close());

  function open(isAddressAllowed: (address: string) => boolean, resolve?: Resolve): Endpoint {
    const endpoint = new Endpoint({ isUrlAllowed: () => true, isAddressAllowed, ...(resolve && { resolve }) });
    endpoints.push(endpoint);
    return endpoint;
  }
  const send = (endpoint: Endpoint, host: string) =>
    endpoint.send(`http://${host}:${receiver.port}/`, EVENT, 10_000, never);

  it.each(['localhost', '127.0.0.1', '[::1]', '127.1', '2130706433', '[::ffff:127.0.0.1]', '0.0.0.0'])(
    'this machine as %s is not called',
    async (host) => {
      const before = receiver.received.length;
      expect(await send(open(isPublicAddress), host)).toEqual(REFUSED);
      expect(receiver.received.length).toBe(before);
    },
  );

  it('a name is resolved once for each connection, and the checked address is the one connected to', async () => {
    const looked: string[] = [];
    let answers = 0;
    // A name server that names this machine the second time it is asked.
    const resolve: Resolve = (_, done) => {
      answers += 1;
      done(null, [{ address: answers === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]);
    };
    const isFirst = (address: string): boolean => {
      looked.push(address);
      return address === '127.0.0.1';
    };
    const endpoint = open(isFirst, resolve);
    expect(await send(endpoint, 'hooks.example')).toEqual({ outcome: 'delivered' });
    expect([answers, looked]).toEqual([1, ['127.0.0.1']]);
    expect(receiver.received.at(-1)?.headers['host']).toBe(`hooks.example:${receiver.port}`);
    const before = receiver.received.length;
    expect(await send(open(isFirst, resolve), 'hooks.example')).toEqual(REFUSED);
    expect(receiver.received.length).toBe(before);
  });

  it('a name with a private address beside a public one is not called', async () => {
    const resolve: Resolve = (_, done) =>
      done(null, [
        { address: '8.8.8.8', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ]);
    expect(await send(open(isPublicAddress, resolve), 'hooks.example')).toEqual(REFUSED);
  });

  it('a URL that the operator no longer allows is not called', async () => {
    const endpoint = new Endpoint({ isUrlAllowed: () => false, isAddressAllowed: () => true });
    endpoints.push(endpoint);
    expect(await send(endpoint, 'localhost')).toEqual(REFUSED);
  });

  it('a host without an address, and one that does not listen, are failures', async () => {
    const endpoint = open(
      () => true,
      (_, done) => done(null, []),
    );
    expect(await send(endpoint, 'hooks.example')).toMatchObject({ outcome: 'failed' });
    expect(await open(() => true).send('http://127.0.0.1:1/', EVENT, 10_000, never)).toEqual({
      outcome: 'failed',
      error: 'ECONNREFUSED',
    });
  });

  it.each([
    ['8.8.8.8', true],
    ['2606:4700:4700::1111', true],
    ['10.1.2.3', false],
    ['172.16.0.1', false],
    ['192.168.0.1', false],
    ['169.254.169.254', false],
    ['100.64.0.1', false],
    ['127.0.0.1', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['::1', false],
    ['::', false],
    ['::ffff:10.0.0.1', false],
    ['64:ff9b::a00:1', false],
    ['2002:a00:1::', false],
    ['fe80::1%eth0', false],
    ['fd00::1', false],
    ['no address', false],
  ])('%s is a public address: %s', (address, isPublic) => {
    expect(isPublicAddress(address)).toBe(isPublic);
  });
});
