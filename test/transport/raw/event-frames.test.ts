/** The frames of events at `/ws`, field by field. */
import { eventually } from '../../support/eventually.ts';
import { connectRaw, type RawClient } from '../../support/raw-client.ts';
import { type Data, startTestService, type TestService } from '../../support/service.ts';

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const ID = expect.any(String);
const POSITION = expect.stringMatching(/./);

describe('the frames of events at /ws', () => {
  let service: TestService;
  let alice: RawClient;
  let bob: RawClient;
  beforeAll(async () => {
    service = await startTestService();
    [alice, bob] = [await connectRaw(service, 'alice'), await connectRaw(service, 'bob')];
    await alice.ask('CreateRoom', { room: 'room', name: 'Room' });
    await bob.ask('JoinRoom', { room: 'room' });
  });
  afterAll(async () => {
    await Promise.all([alice.close(), bob.close()]);
    await service.close();
  });

  const latest = async (client: RawClient, type: string, count = 1): Promise<Data> =>
    (await client.received(type, count)).at(-1);

  it('of a message and of one that is written in parts', async () => {
    await alice.ask('RoomMessage', { room: 'room', payload: { a: 1 } });
    const whole = {
      sender_id: 'alice',
      message_id: ID,
      conversation_id: 'room',
      sequence: 1,
      position: POSITION,
      timestamp: INSTANT,
    };
    expect(await latest(bob, 'RoomMessage')).toEqual({ ...whole, room: 'room', payload: { a: 1 }, content: '' });
    const { data: started } = await alice.ask('StartMessage', { conversation_id: 'room', content: 'So' });
    const message_id = started.message_id;
    expect(await latest(bob, 'RoomMessage', 2)).toEqual({
      ...whole,
      room: 'room',
      message_id,
      sequence: 2,
      state: 'STREAMING',
      content: 'So',
      payload: 'So',
    });
    await alice.ask('AppendMessage', { id: message_id, offset: 2, text: ' be it', payload: { a: 1 } });
    const part = { conversation_id: 'room', message_id, offset: 2, text: ' be it', length: 8, payload: { a: 1 } };
    await eventually(() => expect(bob.of('MessageExtended')).toContainEqual(part));
    await bob.ask('StopMessage', { id: message_id });
    expect(await latest(alice, 'StopMessage')).toEqual({ conversation_id: 'room', message_id, sequence: 2 });
    await alice.ask('FinishMessage', { id: message_id, state: 'ABORTED' });
    expect(await latest(bob, 'FinishMessage')).toEqual({
      conversation_id: 'room',
      message_id,
      sequence: 2,
      state: 'ABORTED',
      content: 'So be it',
      payload: { a: 1 },
      position: POSITION,
    });
  });

  it('come once for a message that is started twice with one id of its client', async () => {
    const start = { conversation_id: 'room', content: 'Once', client_message_id: 'twice' };
    const { data: first } = await alice.ask('StartMessage', start);
    const { data: again } = await alice.ask('StartMessage', start);
    expect([first.status, again]).toEqual(['started', first]);
    const refused = await alice.ask('StartMessage', { ...start, on_behalf_of: 'bob' });
    expect(refused).toMatchObject({ type: 'Error', data: { code: 'FORBIDDEN' } });
    await alice.ask('FinishMessage', { id: first.message_id });
    await eventually(() => expect(bob.of('FinishMessage').at(-1)).toMatchObject({ content: 'Once' }));
    expect(bob.of('RoomMessage').filter(({ content }) => content === 'Once')).toHaveLength(1);
  });

  it('of a direct message name the other one of the two', async () => {
    await alice.ask('DirectMessage', { target_user: 'bob', payload: 'hi' });
    const sent = { target_user: 'bob', sender_id: 'alice', payload: 'hi' };
    expect(await latest(bob, 'DirectMessage')).toMatchObject(sent);
    await bob.ask('DirectMessage', { target_user: 'alice', payload: 'and you' });
    expect(await latest(alice, 'DirectMessage')).toMatchObject({ target_user: 'alice', sender_id: 'bob' });
  });

  it('of a publication, of presence and of typing', async () => {
    await bob.ask('Subscribe', { topics: ['news'] });
    await alice.ask('Broadcast', { topic: 'news', payload: [1, null] });
    const publication = { topic: 'news', payload: [1, null], sender_id: 'alice', message_id: ID, timestamp: INSTANT };
    expect(await latest(bob, 'Broadcast')).toEqual(publication);
    await bob.ask('Presence', { watch: ['alice', 'nobody'] });
    const [, nobody] = (await bob.received('Presence', 2)).sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
    expect(nobody).toEqual({
      user_id: 'nobody',
      status: 'OFFLINE',
      status_text: null,
      last_seen_at: null,
      devices: [],
    });
    await alice.ask('Presence', { status: 'AWAY', status_text: 'out' });
    expect(await latest(bob, 'Presence', 3)).toEqual({
      user_id: 'alice',
      status: 'AWAY',
      status_text: 'out',
      last_seen_at: INSTANT,
      devices: [{ device_id: expect.any(String), connection_type: 'WEBSOCKET', connected_at: INSTANT }],
    });
    await alice.ask('Typing', { conversation_id: 'room', is_typing: true });
    const typing = { conversation_id: 'room', user_id: 'alice', is_typing: true, expires_at: INSTANT };
    expect(await latest(bob, 'Typing')).toEqual(typing);
    await alice.ask('Typing', { conversation_id: 'room', is_typing: false });
    expect(await latest(bob, 'Typing', 2)).toEqual({ ...typing, is_typing: false, expires_at: null });
  });
});
