/** The text of a message being written, for readers who keep up, who lag and who come later. */
import { lengthOf } from '../../src/code-points.ts';
import {
  type ExtendedText,
  type TextOffset,
  WrittenMessage,
} from '../../src/delivery/conversations/written-message.ts';
import type { MessageRecord } from '../../src/model.ts';
import fc from '../support/fast-check.ts';

const NOTHING: TextOffset = { length: 0, units: 0 };
const record = { id: 'm', conversationId: 'c' } as unknown as MessageRecord;
const open = (): WrittenMessage => new WrittenMessage(record, 7);
const take = (before: string, { offset, text }: ExtendedText): string => [...before].slice(0, offset).join('') + text;

/** An addition at the end of a text. */
const added = (before: string, text: string, payload?: unknown) => ({
  messageId: record.id,
  offset: lengthOf(before),
  text,
  length: lengthOf(before + text),
  ...(payload === undefined ? {} : { payload }),
});

describe('a message being written', () => {
  it('takes additions at its end, knows those that it has, and no others', () => {
    const written = open();
    expect([written.id, written.heardAt, written.length]).toEqual(['m', 7, 0]);
    expect(written.extend(added('', 'a😀'))).toBe(true);
    expect(written.length).toBe(2);
    // Both are part of it already.
    expect([written.extend(added('', 'a')), written.extend(added('', 'a😀'))]).toEqual([true, true]);
    expect([written.extend(added('', 'a😀b')), written.extend(added('a😀b', 'c'))]).toEqual([false, false]);
    expect([written.length, written.nextEvent()]).toEqual([
      2,
      expect.objectContaining({ offset: 0, text: 'a😀', length: 2 }),
    ]);
    expect(written.nextEvent()).toBeNull();
  });

  it('tells a payload once, when it changed', () => {
    const written = open();
    written.extend(added('', 'a', { step: 1 }));
    expect(written.nextEvent()).toMatchObject({ text: 'a', payload: { step: 1 } });
    written.extend(added('a', 'b'));
    expect(written.nextEvent()).toMatchObject({ text: 'b', payload: null });
    written.become({ content: 'ab', payload: { step: 1 } });
    expect(written.nextEvent()).toBeNull();
    written.become({ content: 'ab', payload: { step: 2 } });
    expect(written.nextEvent()).toMatchObject({ offset: 2, text: '', length: 2, payload: { step: 2 } });
    expect(written.since(NOTHING)).toMatchObject({ text: 'ab', payload: { step: 2 } });
    written.extend(added('ab', '', null));
    expect(written.nextEvent()).toMatchObject({ text: '', payload: null });
  });

  it('tells all of a text that was replaced, with its payload', () => {
    const written = open();
    written.extend(added('', 'abc', 1));
    written.nextEvent();
    expect(written.isUndelivered).toBe(false);
    written.become({ content: 'ab', payload: 1 });
    expect([written.isUndelivered, written.delivered, written.length]).toEqual([true, NOTHING, 2]);
    expect(written.nextEvent()).toMatchObject({ offset: 0, text: 'ab', length: 2, payload: 1 });
    expect([written.isUndelivered, written.delivered]).toEqual([false, { length: 2, units: 2 }]);
  });

  it('is untold until its text is told; without a text there is nothing to tell', () => {
    const written = open();
    expect([written.isUndelivered, written.nextEvent()]).toEqual([false, null]);
    written.extend(added('', 'a'));
    expect(written.isUndelivered).toBe(true);
    written.nextEvent();
    expect(written.isUndelivered).toBe(false);
  });

  it('shares the event of new readers, until more is told', () => {
    const written = open();
    written.extend(added('', 'a😀'));
    const first = written.nextEvent();
    const whole = written.since(NOTHING);
    expect([whole, written.since(NOTHING) === whole]).toEqual([{ ...first, payload: null }, true]);
    written.extend(added('a😀', 'b'));
    // No more than the other readers have.
    expect([written.since(NOTHING) === whole, written.since({ length: 1, units: 1 }).text]).toEqual([true, '😀']);
    const event = written.nextEvent();
    expect([written.since(NOTHING).text, event && written.unitsOf(event), written.delivered]).toEqual([
      'a😀b',
      3,
      { length: 3, units: 4 },
    ]);
  });
});

it('each reader has the text in the end, whenever they came and however they lagged', () => {
  const piece = fc.constantFrom('', 'a', 'bc', '😀', 'é', '\n');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), piece }),
    fc.record({ kind: fc.constant('replace' as const), piece }),
    fc.record({ kind: fc.constant('tell' as const) }),
    fc.record({ kind: fc.constant('come' as const) }),
    fc.record({ kind: fc.constant('lag' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const written = open();
      let stored = '';
      let told = '';
      let lagging: { has: string; place: TextOffset } | null = null;
      const readers: string[] = [''];
      const tell = (): void => {
        const isWhole = written.delivered.units === 0;
        const event = written.nextEvent();
        if (!event) return;
        if (lagging && (isWhole || event.offset < lagging.place.length)) lagging = { has: '', place: NOTHING };
        told = stored;
        for (const [nth, has] of readers.entries()) readers[nth] = take(has, event);
        expect(written.unitsOf(event)).toBe(told.length - event.text.length);
      };
      for (const each of steps) {
        if (each.kind === 'append') {
          expect(written.extend(added(stored, each.piece))).toBe(true);
          stored += each.piece;
        } else if (each.kind === 'replace') {
          stored = each.piece;
          written.become({ content: stored, payload: null });
          tell();
        } else if (each.kind === 'tell') tell();
        else if (each.kind === 'come') readers.push(take('', written.since(NOTHING)));
        else lagging = { has: told, place: written.delivered };
        expect(written.length).toBe(lengthOf(stored));
      }
      tell();
      if (lagging) readers.push(take(lagging.has, written.since(lagging.place)));
      expect(readers).toEqual(readers.map(() => stored));
    }),
  );
});
