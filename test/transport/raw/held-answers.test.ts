/** `/ws` while the engine owes an answer: events of others wait for an own message, and what was being opened ends with its socket. */
import type { Engine } from '../../../src/engine/port.ts';
import { unavailable } from '../../../src/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { metric } from '../../support/metrics.ts';
import { connectRaw } from '../../support/raw-client.ts';
import { newId, startTestService, type TestService } from '../../support/service.ts';

const CARRIED = 'realtime_subscriptions{transport="websocket"}';

describe('/ws, while the engine answers slowly', () => {
  let service: TestService;
  let engine: Engine;
  beforeEach(async () => {
    service = await startTestService();
    engine = service.service.engine;
  });
  afterEach(() => service.close());

  /** Does something around an operation of the engine. */
  function around<Name extends 'appendMessage' | 'listen' | 'writeBookmark'>(
    name: Name,
    instead: (operation: Engine[Name]) => Engine[Name],
  ): void {
    Object.assign(engine, { [name]: instead(engine[name].bind(engine) as Engine[Name]) });
  }
  const carried = (): Promise<number> => metric(service.url, CARRIED);

  it('messages of others wait until an own message is answered, and then come in order', async () => {
    const answer = Promise.withResolvers<void>();
    let isHeld = false;
    around('appendMessage', (append) => async (tenant, message) => {
      const appended = await append(tenant, message);
      if (message.senderId !== 'alice') return appended;
      isHeld = true;
      await answer.promise;
      return appended;
    });
    const [alice, tablet] = [
      await connectRaw(service, 'alice'),
      await connectRaw(service, 'alice', {}, '&device_id=t'),
    ];
    alice.send({ type: 'DirectMessage', data: { target_user: 'bob', payload: 'mine' }, id: 'mine' });
    await eventually(() => expect(isHeld).toBe(true));
    const send = 'mutation ($text: String!) { sendDirectMessage(userId: "alice", content: $text) { id } }';
    for (const text of ['one', 'two']) expect((await service.query('carol', send, { text })).code).toBeUndefined();
    await tablet.received('DirectMessage', 3);
    expect(alice.of('DirectMessage')).toEqual([]);
    answer.resolve();
    const received = await alice.received('DirectMessage', 2);
    expect(received.map(({ payload }) => payload)).toEqual(['one', 'two']);
    expect(alice.frames.find(({ id }) => id === 'mine')).toMatchObject({ data: { status: 'sent' } });
    expect(tablet.of('DirectMessage').map(({ payload }) => payload)).toEqual(['mine', 'one', 'two']);
    await Promise.all([alice.close(), tablet.close()]);
  });

  it('topics are subscribed to together or not at all', async () => {
    const [good, bad] = [newId(), newId()];
    let isBroken = true;
    around('listen', (listen) => async (channel, listener) => {
      if (isBroken && channel.id === bad) throw unavailable();
      return listen(channel, listener);
    });
    const alice = await connectRaw(service, 'alice');
    const before = await carried();
    const refused = await alice.ask('Subscribe', { topics: [good, bad] });
    expect(refused).toMatchObject({ type: 'Error', data: { code: 'SERVICE_UNAVAILABLE' } });
    expect(await carried()).toBe(before);
    isBroken = false;
    expect((await alice.ask('Subscribe', { topics: [good, bad] })).data.status).toBe('subscribed');
    expect(await carried()).toBe(before + 2);
    await alice.ask('Broadcast', { topic: good, payload: 1 });
    expect(await alice.received('Broadcast', 1)).toMatchObject([{ topic: good, payload: 1 }]);
    await alice.close();
    await eventually(async () => expect(await carried()).toBe(0));
  });

  it.each([
    ['a topic', 'topic', { type: 'Subscribe', data: { topics: ['news'] } }],
    ['the presence of users', 'presence', { type: 'Presence', data: { watch: ['bob'] } }],
  ])('F43: a subscription to %s ends with a socket that ends before it is open', async (_, kind, frame) => {
    const answer = Promise.withResolvers<void>();
    let [isHeld, isClosed] = [false, false];
    around('listen', (listen) => async (channel, listener) => {
      const listening = await listen(channel, listener);
      if (channel.kind !== kind) return listening;
      isHeld = true;
      await answer.promise;
      return {
        get heardAt() {
          return listening.heardAt;
        },
        close() {
          isClosed = true;
          return listening.close();
        },
      };
    });
    const alice = await connectRaw(service, 'alice');
    alice.send(frame);
    await eventually(() => expect(isHeld).toBe(true));
    alice.socket.terminate();
    await eventually(async () => expect(await metric(service.url, 'realtime_connections')).toBe(0));
    answer.resolve();
    await eventually(() => expect(isClosed).toBe(true));
    expect(await carried()).toBe(0);
  });

  it('positions are stored once for what was sent, and not for nothing', async () => {
    const stored: number[] = [];
    around('writeBookmark', (write) => (tenant, user, session, positions) => {
      if (user === 'alice') stored.push(positions.size);
      return write(tenant, user, session, positions);
    });
    const alice = await connectRaw(service, 'alice');
    expect(stored).toEqual([0]);
    await alice.close();
    const again = await connectRaw(service, 'alice');
    expect(again.frames[0].data.resumed).toBe(true);
    expect(stored).toEqual([0]);
    await service.query('carol', 'mutation { sendDirectMessage(userId: "alice", content: "one") { id } }');
    await again.received('DirectMessage', 1);
    await again.close();
    await eventually(() => expect(stored).toEqual([0, 1]));
  });
});
