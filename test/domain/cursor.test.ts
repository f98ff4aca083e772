/** Cursors and positions: what was encoded is decoded, and nothing else. */
import {
  decodeConversationCursor,
  decodeCursor,
  decodeInboxCursor,
  decodeRoomCursor,
  decodeSessionCursor,
  encodeConversationCursor,
  encodeCursor,
  encodeInboxCursor,
  encodePosition,
  encodeRoomCursor,
  encodeSessionCursor,
  encodeTopicPosition,
  streamRequest,
  topicPositions,
} from '../../src/domain/cursor.ts';
import { deadLetterKey } from '../../src/domain/dead-letters.ts';
import { encodeInboxPosition, inboxRequest } from '../../src/domain/inbox-position.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, ConversationRecord, Topic } from '../../src/model.ts';
import fc from '../support/fast-check.ts';

const bad = expect.objectContaining({ code: 'BAD_USER_INPUT' });
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const plain = (value: string): string => Buffer.from(value).toString('base64url');
const id = (name: string): ConversationId => name as ConversationId;
const topic = (name: string): Topic => name as Topic;
const LATEST = 10 ** 13 - 1;

/** Texts that are no cursor of any list. */
const NO_CURSORS = ['', '%', 'e30=', 'e30', ...[null, 5, 'text', {}, []].map(encode), plain('no JSON')];

/** A cursor of each kind, with what it decodes to, its parts, and parts that it may not have instead. */
const KINDS: Record<
  string,
  {
    readonly decode: (cursor: string) => unknown;
    readonly good: readonly (readonly [cursor: string, place: unknown])[];
    readonly bad: readonly unknown[];
    readonly mark?: string;
  }
> = {
  message: {
    decode: (cursor) => decodeCursor('message', cursor, 'after'),
    good: [
      [encodeCursor('message', 0), 0],
      [encodeCursor('message', 12), 12],
    ],
    bad: [
      ['message'],
      ['message', 1, 2],
      ['member', 1],
      ['message', -1],
      ['message', 1.5],
      ['message', '1'],
      ['message', null],
    ],
  },
  session: {
    decode: decodeSessionCursor,
    good: [[encodeSessionCursor({ createdAt: 7, id: 's' }), { createdAt: 7, id: 's' }]],
    bad: [
      ['session', 7],
      ['session', 7, 's', 1],
      ['room', 7, 's'],
      ['session', -7, 's'],
      ['session', 7, 8],
      ['session', '7', 's'],
    ],
  },
  conversation: {
    decode: decodeConversationCursor,
    mark: '~',
    good: [
      [
        encodeConversationCursor({ id: id('c'), lastActivityAt: null, createdAt: 5 } as ConversationRecord),
        { activity: 5, id: 'c' },
      ],
      [
        encodeConversationCursor({ id: id('c'), lastActivityAt: 9, createdAt: 5 } as ConversationRecord),
        { activity: 9, id: 'c' },
      ],
      [`~${encode(['conversation', LATEST, 'c'])}`, { activity: LATEST, id: 'c' }],
      ['c', null],
    ],
    bad: [
      ['conversation', 5],
      ['conversation', 5, 'c', 1],
      ['inbox', 5, 'c'],
      ['conversation', -5, 'c'],
      ['conversation', LATEST + 1, 'c'],
      ['conversation', 5, 'c d'],
      ['conversation', 5, 6],
    ],
  },
  inbox: {
    decode: decodeInboxCursor,
    good: [
      [encodeInboxCursor({ isPinned: true, activity: 5, id: id('c') }), { isPinned: true, activity: 5, id: 'c' }],
      [
        encodeInboxCursor({ isPinned: false, activity: LATEST, id: id('c') }),
        { isPinned: false, activity: LATEST, id: 'c' },
      ],
    ],
    bad: [
      ['inbox', 1, 5],
      ['inbox', 1, 5, 'c', 1],
      ['room', 1, 5, 'c'],
      ['inbox', 2, 5, 'c'],
      ['inbox', true, 5, 'c'],
      ['inbox', 1, -5, 'c'],
      ['inbox', 1, LATEST + 1, 'c'],
      ['inbox', 1, 5, 'c d'],
      ['inbox', 1, 5, 6],
    ],
  },
  room: {
    decode: decodeRoomCursor,
    good: [[encodeRoomCursor({ name: 'The hall', id: id('c') }), { name: 'The hall', id: 'c' }]],
    bad: [
      ['room', 'n'],
      ['room', 'n', 'c', 1],
      ['session', 'n', 'c'],
      ['room', 5, 'c'],
      ['room', 'n', 5],
      ['room', 'n', 'c d'],
    ],
  },
};

describe.each(Object.entries(KINDS))('a cursor of a %s', (_name, { decode, good, bad: others, mark = '' }) => {
  it.each(good)('%s', (cursor, place) => {
    expect(decode(cursor)).toEqual(place);
  });

  it.each(others.map((parts) => [JSON.stringify(parts), parts]))('not %s', (_text, parts) => {
    expect(() => decode(mark + encode(parts))).toThrow(bad);
  });

  it.each(NO_CURSORS)('not %j', (cursor) => {
    expect(() => decode(mark + cursor)).toThrow(bad);
  });

  it('has at most 1,024 characters', () => {
    const [cursor = ''] = good[0] ?? [];
    const long = plain(Buffer.from(cursor.slice(mark.length), 'base64url').toString() + ' '.repeat(768));
    expect(long.length).toBeGreaterThan(1_024);
    expect(() => decode(mark + long)).toThrow(bad);
  });
});

it('the key of a dead letter', () => {
  for (const place of ['0', '1234567890123456', '12-34-5']) expect(deadLetterKey(place)).toBe(place);
  for (const other of ['', 'x', '12-34', '12-34-56', '1'.repeat(17)]) expect(() => deadLetterKey(other)).toThrow(bad);
});

describe('positions in conversations', () => {
  const names = fc.constantFrom('c', 'direct:a:b', 'x'.repeat(LIMITS.idCharactersInPosition), 'x'.repeat(128));
  const position = fc.record({ epoch: fc.constantFrom('e1', 'zz'), place: fc.nat() });

  it('are found by the id of their conversation', () => {
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 4 }), position, (ids, point) => {
        const { after } = streamRequest(
          null,
          ids.map((each) => encodePosition(id(each), point)),
        );
        for (const each of ids) expect(after.get(id(each))).toEqual(point);
        expect(after.get(id('another'))).toBeUndefined();
      }),
    );
  });

  it('of earlier versions are read, too', () => {
    const { after } = streamRequest(null, [encode(['c', 'e1', 5]), encode(['x'.repeat(128), 'e1', 6])]);
    expect([after.get(id('c')), after.get(id('x'.repeat(128)))]).toEqual([
      { epoch: 'e1', place: 5 },
      { epoch: 'e1', place: 6 },
    ]);
  });

  it.each([
    ...NO_CURSORS,
    plain('c~e1'),
    plain('c~e1~5~6'),
    plain('c d~e1~5'),
    plain('#short~e1~5'),
    plain('c~e1~-5'),
    plain('c~e1~5.5'),
    plain(`c~e1~${'1'.repeat(12)}`),
    plain(`c~${'e'.repeat(800)}~5`),
    encode(['c', 'e1']),
    encode(['c', 'e1', 5, 6]),
    encode(['c', 'e1', -5]),
    encode(['c', 5, 5]),
    encode([5, 'e1', 5]),
  ])('not %s', (given) => {
    expect(() => streamRequest(null, [given])).toThrow(bad);
  });

  it('each conversation has one, of those that are asked for', () => {
    const at = (name: string) => encodePosition(id(name), { epoch: 'e1', place: 1 });
    expect(streamRequest(undefined, undefined)).toMatchObject({ conversationIds: null });
    expect(streamRequest(['a', 'b', 'a'], [at('a')]).conversationIds).toEqual(['a', 'b']);
    expect(() => streamRequest(['a', 'b'], [at('c')])).toThrow(bad);
    expect(() => streamRequest(null, [at('a'), at('a')])).toThrow(bad);
    expect(() => streamRequest([], null)).toThrow(bad);
    expect(() => streamRequest(['a b'], null)).toThrow(bad);
    const many = Array.from({ length: LIMITS.conversationsPerSubscription + 1 }, (_, n) => `c${n}`);
    expect(() => streamRequest(many, null)).toThrow(bad);
    expect(streamRequest(many.slice(1), null).conversationIds).toHaveLength(LIMITS.conversationsPerSubscription);
    const most = Array.from({ length: LIMITS.positionsPerStream }, (_, n) => at(`c${n}`));
    expect(streamRequest(null, most).after.keys()).toHaveLength(LIMITS.positionsPerStream);
    expect(() => streamRequest(null, [...most, at('one-more')])).toThrow(bad);
  });

  it('Last-Event-ID replaces those of a stream of one conversation', () => {
    const at = (place: number) => encodePosition(id('a'), { epoch: 'e1', place });
    expect(streamRequest(['a'], [at(1)], at(2)).after.get(id('a'))).toEqual({ epoch: 'e1', place: 2 });
    expect(streamRequest(['a'], [at(1)]).after.get(id('a'))).toEqual({ epoch: 'e1', place: 1 });
    expect(streamRequest(['a', 'b'], [at(1)], at(2)).after.get(id('a'))).toEqual({ epoch: 'e1', place: 1 });
    expect(streamRequest(null, [at(1)], at(2)).after.get(id('a'))).toEqual({ epoch: 'e1', place: 1 });
    expect(() => streamRequest(['a'], [], 'none')).toThrow(bad);
    expect(() => streamRequest(['b'], [], at(2))).toThrow(bad);
  });
});

describe('positions in topics', () => {
  const at = (name: string, place = 5) => encodeTopicPosition(topic(name), { epoch: 'e1', place }) ?? '';

  it('are found by their topic', () => {
    const points = topicPositions([topic('news'), topic('user/a'), topic('other')], [at('news'), at('user/a', 40)]);
    expect([...points]).toEqual([
      ['news', { epoch: 'e1', place: 5 }],
      ['user/a', { epoch: 'e1', place: 40 }],
    ]);
    expect(topicPositions([topic('news')], null).size).toBe(0);
    expect(encodeTopicPosition(topic('news'), { epoch: '', place: 0 })).toBeNull();
  });

  it('each topic has one, of those that are subscribed', () => {
    expect(() => topicPositions([topic('news')], [at('other')])).toThrow(bad);
    expect(() => topicPositions([topic('news')], [at('news'), at('news', 6)])).toThrow(bad);
    const many = Array.from({ length: LIMITS.topicsPerSubscription + 1 }, (_, n) => topic(`t${n}`));
    expect(() =>
      topicPositions(
        many,
        many.map((name) => at(name)),
      ),
    ).toThrow(bad);
    expect(
      topicPositions(
        many,
        many.slice(1).map((name) => at(name)),
      ).size,
    ).toBe(LIMITS.topicsPerSubscription);
  });

  it.each([
    ...NO_CURSORS,
    plain('news~e1'),
    plain('ne ws~e1~5'),
    plain('news~e1~!'),
    encode(['news', 5, 5]),
    encode([5, 'e1', 5]),
  ])('not %s', (given) => {
    expect(() => topicPositions([topic('news')], [given])).toThrow(bad);
  });
});

describe('positions of an inbox', () => {
  const points = new Map([
    [id('a'), { position: { epoch: 'e1', place: 3 }, version: 4 }],
    [id('x'.repeat(128)), { position: { epoch: 'e2', place: 50 }, version: 0 }],
  ]);
  const place = encodeInboxPosition({ time: 100, list: { epoch: 'l', place: 7 }, points });
  const parts = Buffer.from(place, 'base64url').toString().split('~');
  const withPart = (index: number, part: string): string => plain(parts.with(index, part).join('~'));

  it('have the time, the place in the list, and the position in each conversation', () => {
    for (const { checkpoint } of [inboxRequest([place], null), inboxRequest([], place)]) {
      expect(checkpoint).toMatchObject({ time: 100, list: { epoch: 'l', place: 7 } });
      for (const [name, point] of points) expect(checkpoint?.pointOf(name)).toEqual(point);
      expect(checkpoint?.pointOf(id('b'))).toBeUndefined();
    }
    expect(inboxRequest(null, null).checkpoint).toBeNull();
  });

  it('the positions since are those of conversations', () => {
    const since = encodePosition(id('a'), { epoch: 'e1', place: 9 });
    const { checkpoint, positions } = inboxRequest([since, place], null);
    expect([checkpoint?.time, positions.get(id('a'))]).toEqual([100, { epoch: 'e1', place: 9 }]);
    expect(inboxRequest([since], place).positions.get(id('a'))).toBeUndefined();
  });

  it('only whole ones are taken', () => {
    const [time, list, first, version] = [2, 4, 7, 8];
    for (const index of [time, list, first, version])
      for (const part of ['', '-1', 'A', '1'.repeat(12)])
        expect(() => inboxRequest([withPart(index, part)], null)).toThrow(bad);
    for (const cut of [1, 2, 3, 5])
      expect(() => inboxRequest([plain(parts.slice(0, -cut).join('~'))], null)).toThrow(bad);
    expect(inboxRequest([plain(parts.slice(0, -4).join('~'))], null).checkpoint?.time).toBe(100);
    expect(() => inboxRequest([withPart(1, 'other')], null)).toThrow(bad);
    expect(() => inboxRequest([withPart(0, 'x')], null)).toThrow(bad);
    expect(() => inboxRequest([place, place], null)).toThrow(bad);
    expect(() => inboxRequest([], encodePosition(id('a'), { epoch: 'e1', place: 9 }))).toThrow(bad);
    expect(() => inboxRequest([`${place}!`], null)).toThrow(bad);
  });
});
