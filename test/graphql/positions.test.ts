/** Positions as clients hold them: opaque, short, and valid as long as the log keeps them. */
import { randomUUID } from 'node:crypto';
import { readConfig } from '../../src/config.ts';
import { encodePosition, encodeTopicPosition, streamRequest, topicPositions } from '../../src/domain/cursor.ts';
import { nonce } from '../../src/engine/redis/attempt.ts';
import { newEpoch } from '../../src/engine/shared/lineage.ts';
import type { ConversationId, Topic } from '../../src/model.ts';
import fc from '../support/fast-check.ts';

const conversationId = (id: string): ConversationId => id as ConversationId;
const form = (text: string): string => Buffer.from(text).toString('base64url');

describe('positions', () => {
  const ids = fc.stringMatching(/^[A-Za-z0-9._:@-]{1,128}$/).map(conversationId);
  const epochs = fc.constantFrom(newEpoch(), nonce(), randomUUID());

  it('decode to what was encoded, also those of earlier versions', () => {
    fc.assert(
      fc.property(ids, epochs, fc.maxSafeNat(), (id, epoch, place) => {
        for (const text of [encodePosition(id, { epoch, place }), form(JSON.stringify([id, epoch, place]))]) {
          expect(streamRequest(null, [text]).after.get(id)).toEqual({ epoch, place });
          expect(streamRequest([id], [text]).after.get(id)).toEqual({ epoch, place });
          expect(() => streamRequest(['another'], [text])).toThrow('must be of a subscribed conversation');
        }
      }),
    );
  });

  it.each([4, 36, 50, 51, 64, 128])('a thousand for ids of %i characters fit into one frame', (length) => {
    // Every id, epoch and place at its longest.
    const after = Array.from({ length: 1_000 }, (_, n) =>
      encodePosition(conversationId(`${n}`.padStart(length, 'x')), { epoch: nonce(), place: Number.MAX_SAFE_INTEGER }),
    );
    expect(new Set(after).size).toBe(1_000);
    const query = `subscription ($after: [ID!]) { messageReceived(after: $after) { ${'id '.repeat(1_000)} } }`;
    for (const frame of [
      { id: randomUUID(), type: 'subscribe', payload: { query, variables: { after } } },
      { id: randomUUID(), type: 'Resume', data: { positions: after } },
    ]) {
      expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(readConfig({}).maxMessageBytes);
    }
  });

  it('two of one conversation are refused, whichever versions wrote them', () => {
    const id = conversationId('x'.repeat(128));
    const [now, before] = [encodePosition(id, { epoch: 'e', place: 1 }), form(`${id}~e~1`)];
    expect(() => streamRequest(null, [now, before])).toThrow(
      'after: must have at most one position for each conversation.',
    );
  });

  it('each conversation has at most one, and only if it is subscribed', () => {
    const [one, other] = [1, 2].map((place) => encodePosition(conversationId('a'), { epoch: 'e', place })) as [
      string,
      string,
    ];
    expect(() => streamRequest(null, [one, other])).toThrow(
      'after: must have at most one position for each conversation.',
    );
    expect(() => streamRequest(null, [one, one])).toThrow(
      'after: must have at most one position for each conversation.',
    );
    expect(() => streamRequest(['b'], [one])).toThrow('after: must be of a subscribed conversation.');
  });

  it('each topic has at most one, and only if it is subscribed', () => {
    const news = 'news' as Topic;
    const [one, other] = [1, 2].map((place) => encodeTopicPosition(news, { epoch: 'e', place }) ?? '') as [
      string,
      string,
    ];
    expect(topicPositions([news], [one]).get(news)).toEqual({ epoch: 'e', place: 1 });
    expect(() => topicPositions([news], [one, other])).toThrow('after: must have at most one position for each topic.');
    expect(() => topicPositions(['old' as Topic], [one])).toThrow('after: must be of a subscribed topic.');
    expect(() => topicPositions([news], [encodePosition(conversationId('a'), { epoch: 'e', place: 1 })])).toThrow(
      'after: ',
    );
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
    form('#~e~1'),
    form(`#${'x'.repeat(21)}~e~1`),
    form(`#${'x'.repeat(23)}~e~1`),
    form('a~b~zzzzzzzzzzz'),
    form('["a","b",-1]'),
    form('["a","b"]'),
    form('{"a":1}'),
    form(`a~${'b'.repeat(2_000)}~1`),
    `${form('a~b~1')}\n`,
  ])('%j is no position', (text) => {
    expect(() => streamRequest(null, [text])).toThrow('after: must be a position.');
  });
});
