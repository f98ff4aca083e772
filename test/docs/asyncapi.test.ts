/** docs/asyncapi.yaml is a valid document, and describes the frames of `/ws` in both directions. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { getNamedType, isInputObjectType } from 'graphql';
import { parse } from 'yaml';
import { z } from 'zod';
import type { MutationResolvers } from '../../src/__generated__/resolvers.ts';
import { ERROR_CODES, REASONS } from '../../src/errors.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { DATA, type FrameType } from '../../src/transport/raw/frames.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { type Data, newId, startTestService } from '../support/service.ts';

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const document = parse(read('asyncapi.yaml')) as Data;
const require = createRequire(import.meta.url);
const schema = createSchema();

function createAjv(): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  return ajv;
}

const messages = document.components.messages as Record<string, { name: string; payload: object }>;
const validators = Object.entries(messages).map(([key, { name, payload }]) => ({
  key,
  name,
  side: key.startsWith('client') ? 'client' : 'server',
  validate: createAjv().compile(payload),
}));

/** The mutation that each frame calls, with those of its arguments that have another name, or a fixed value (null). */
const MUTATIONS: {
  readonly [Type in FrameType]: readonly [keyof MutationResolvers, Record<string, string | null>?] | null;
} = {
  Subscribe: null,
  Unsubscribe: null,
  Broadcast: ['publish'],
  DirectMessage: ['sendDirectMessage', { user_id: 'target_user' }],
  CreateRoom: ['createConversation', { id: 'room', kind: null }],
  JoinRoom: ['joinConversation', { id: 'room' }],
  LeaveRoom: ['leaveConversation', { id: 'room' }],
  RoomMessage: ['sendMessage', { conversation_id: 'room' }],
  StartMessage: ['startMessage'],
  AppendMessage: ['appendToMessage'],
  FinishMessage: ['finishMessage'],
  StopMessage: ['stopMessage'],
  Typing: ['setTyping'],
  Presence: ['setPresence'],
  Resume: null,
  Authenticate: null,
  Ping: null,
};

/** The arguments of a mutation in snake_case; of an `input` its fields. */
function argumentsOf(mutation: string): string[] {
  const args = schema.getMutationType()?.getFields()[mutation]?.args ?? [];
  const names = args.flatMap(({ name, type }) => {
    const input = getNamedType(type);
    return name === 'input' && isInputObjectType(input) ? Object.keys(input.getFields()) : [name];
  });
  return names.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

function fieldsOf(type: FrameType): string[] {
  const data = DATA[type];
  return data instanceof z.ZodObject ? Object.keys(data.shape) : [];
}

/** The properties of a client's data in asyncapi.yaml, of each form that it may have. */
function documentedFields(type: FrameType): string[] {
  const { payload } = messages[`client${type}`] as Data;
  const { data } = payload.properties;
  return [data, ...(data?.oneOf ?? [])].flatMap((form) => Object.keys(form?.properties ?? {}));
}

/** What is wrong with frames, and the messages that were seen. */
function judge(side: 'client' | 'server', frames: readonly Data[]): { faults: string[]; seen: string[] } {
  const faults: string[] = [];
  const seen: string[] = [];
  for (const frame of frames) {
    const message = validators.find((each) => each.side === side && each.name === frame.type);
    if (!message?.validate(frame)) faults.push(`${JSON.stringify(frame)} ${JSON.stringify(message?.validate.errors)}`);
    if (message) seen.push(message.name);
  }
  return { faults, seen };
}

describe('docs/asyncapi.yaml', () => {
  it('is an AsyncAPI 3 document', () => {
    const validate = createAjv().compile(require('@asyncapi/specs/schemas/3.0.0-without-$id.json'));
    expect(validate(document) ? [] : validate.errors).toEqual([]);
  });

  it('lists the errors of the code', () => {
    const { payload } = messages['serverError'] as Data;
    const { code, reason } = payload.properties.data.properties;
    expect(code.enum).toEqual(Object.keys(ERROR_CODES));
    expect(reason.enum).toEqual(Object.values(REASONS).flat());
  });

  it('has the same frames as docs/websocket-protocol.md', () => {
    const rows = [...read('websocket-protocol.md').matchAll(/^\| `([A-Z]\w+)` \|/gm)].map(([, name]) => name);
    const names = validators.filter(({ side }) => side === 'client').map(({ name }) => name);
    expect(new Set(rows)).toEqual(new Set(names));
  });

  it.each(Object.entries(MUTATIONS))('%s takes every argument of its mutation', (type, called) => {
    if (called === null) return;
    const [mutation, renamed = {}] = called;
    const names = argumentsOf(mutation).map((name) => (name in renamed ? renamed[name] : name));
    const fields = fieldsOf(type as FrameType);
    expect(fields).toEqual(expect.arrayContaining(names.filter((name) => typeof name === 'string')));
  });

  it.each(Object.keys(DATA) as FrameType[])('%s has the documented fields', (type) => {
    const rows = read('websocket-protocol.md').match(new RegExp(`^\\| \`${type}\` .*$`, 'gm')) ?? [];
    const inRows = rows.flatMap((row) =>
      [...(row.split('|')[2] ?? '').matchAll(/`(\w+)\??`/g)].map(([, name]) => name),
    );
    const fields = fieldsOf(type).sort();
    expect([documentedFields(type).sort(), inRows.sort()]).toEqual([fields, fields]);
  });

  it('describes every message that clients send and the service answers', async () => {
    const service = await startTestService();
    const [alice, bob] = [await connectRaw(service, 'alice'), await connectRaw(service, 'bob')];
    const sent: Data[] = [];
    const ask = (client: RawClient, type: string, data: object = {}): Promise<Data> => {
      sent.push({ type, data, id: 'x' });
      return client.ask(type, data);
    };
    const room = newId();
    await ask(bob, 'Subscribe', { topics: ['news'] });
    await ask(alice, 'Broadcast', { topic: 'news', payload: [1, 'two', null] });
    await bob.received('Broadcast', 1);
    await ask(bob, 'Unsubscribe', { topics: ['news'] });
    const { data } = await ask(alice, 'DirectMessage', { target_user: 'bob', payload: 1, client_message_id: 'one' });
    const [message] = await bob.received('DirectMessage', 1);
    await ask(alice, 'CreateRoom', { room, name: 'Room' });
    await ask(bob, 'JoinRoom', { room });
    await ask(bob, 'RoomMessage', { room, payload: { a: 1 } });
    await alice.received('RoomMessage', 1);
    const started = await ask(alice, 'StartMessage', {
      conversation_id: room,
      content: 'So',
      client_message_id: 'two',
    });
    const { message_id: id } = started.data;
    await ask(alice, 'AppendMessage', { id, offset: 2, text: ' be it', payload: { a: 1 } });
    await ask(alice, 'AppendMessage', { id, offset: 3, text: '!' });
    await ask(bob, 'StopMessage', { id });
    await alice.received('StopMessage', 1);
    await ask(alice, 'FinishMessage', { id, state: 'ABORTED' });
    await bob.received('FinishMessage', 1);
    await ask(bob, 'LeaveRoom', { room });
    await ask(bob, 'Presence', { watch: ['alice', 'nobody'] });
    await ask(alice, 'Presence', { status: 'AWAY' });
    await bob.received('Presence', 3);
    await ask(alice, 'Typing', { conversation_id: data.conversation_id, is_typing: true });
    await ask(alice, 'Typing', { conversation_id: data.conversation_id, is_typing: false });
    await bob.received('Typing', 2);
    await ask(bob, 'Resume', { positions: [message.position] });
    await ask(bob, 'Authenticate', { token: await service.token('bob') });
    await ask(bob, 'Authenticate', { token: 'x' });
    await ask(bob, 'Ping');
    await bob.ask('Resume', {
      positions: [Buffer.from(JSON.stringify([data.conversation_id, 'e', 1])).toString('base64url')],
    });
    await bob.ask('Nonsense');
    const client = judge('client', sent);
    const server = judge('server', [...alice.frames, ...bob.frames]);
    expect([...client.faults, ...server.faults]).toEqual([]);
    const names = (side: string): Set<string> =>
      new Set(validators.filter((each) => each.side === side).map(({ name }) => name));
    expect(new Set(client.seen)).toEqual(names('client'));
    expect(new Set(server.seen)).toEqual(names('server'));
    await alice.close();
    await bob.close();
    await service.close();
  });
});
