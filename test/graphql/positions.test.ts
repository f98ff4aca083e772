/** Positions as clients hold them: opaque, short, and good for as long as the log knows them. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { readConfig } from '../../src/config.ts';
import { encodePosition, streamRequest } from '../../src/domain/cursor.ts';
import { newEpoch } from '../../src/engine/lineage.ts';
import { nonce } from '../../src/engine/redis/attempt.ts';
import type { ConversationId } from '../../src/model.ts';

const conversationId = (id: string): ConversationId => id as ConversationId;
const form = (text: string): string => Buffer.from(text).toString('base64url');

describe('positions', () => {
  const ids = fc.stringMatching(/^[A-Za-z0-9._:@-]{1,128}$/).map(conversationId);
  const epochs = fc.constantFrom(newEpoch(), nonce(), randomUUID());

  it('are read as they were written, also those of earlier versions', () => {
    fc.assert(
      fc.property(ids, epochs, fc.maxSafeNat(), (id, epoch, place) => {
        for (const text of [encodePosition(id, { epoch, place }), form(JSON.stringify([id, epoch, place]))]) {
          expect([...streamRequest(null, [text]).after]).toEqual([[id, { epoch, place }]]);
        }
      }),
    );
  });

  it('a thousand of them fit into one frame, those of direct conversations too', () => {
    const after = Array.from({ length: 1_000 }, () =>
      encodePosition(conversationId(`direct:${'x'.repeat(43)}`), { epoch: nonce(), place: 1_000_000 }),
    );
    const query = `subscription ($after: [ID!]) { messageReceived(after: $after) { ${'id '.repeat(100)} } }`;
    const frame = JSON.stringify({ id: randomUUID(), type: 'subscribe', payload: { query, variables: { after } } });
    expect(Buffer.byteLength(frame)).toBeLessThan(readConfig({}).maxMessageBytes);
  });

  it('one names where a conversation is resumed, and not two, and none that is not listened to', () => {
    const [one, other] = [1, 2].map((place) => encodePosition(conversationId('a'), { epoch: 'e', place })) as [
      string,
      string,
    ];
    expect(() => streamRequest(null, [one, other])).toThrow('after: at most one position a conversation.');
    expect(() => streamRequest(null, [one, one])).toThrow('after: at most one position a conversation.');
    expect(() => streamRequest(['b'], [one])).toThrow('after: a position of a conversation not listened to.');
  });

  it.each([
    '',
    'x',
    '__proto__',
    form('a~b'),
    form('a~b~'),
    form('a~b~-1'),
    form('a~b~1.5'),
    form('a~b~A'),
    form('a~b~1~2'),
    form('a b~e~1'),
    form('~e~1'),
    form('a~b~zzzzzzzzzzz'),
    form('["a","b",-1]'),
    form('["a","b"]'),
    form('{"a":1}'),
    form(`a~${'b'.repeat(2_000)}~1`),
    `${form('a~b~1')}\n`,
  ])('%j is none', (text) => {
    expect(() => streamRequest(null, [text])).toThrow('after: not a position.');
  });
});
