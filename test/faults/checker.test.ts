/** The checker of histories finds every kind of breach. */
import { judge } from './checker.ts';
import type { History, Seen } from './history.ts';

const message = (sequence: number, change: Partial<Seen> = {}): Seen => ({
  id: `m${sequence}`,
  conversationId: 'c',
  sequence,
  position: `p${sequence}`,
  clientMessageId: `k${sequence}`,
  ...change,
});
const three = [message(1), message(2), message(3)];
const history = (events: Seen[], change: Partial<History> = {}): History => ({
  acknowledged: three,
  refusals: [],
  heard: [{ conversationId: 'c', events, errors: [], closes: [], closedAt: [] }],
  ...change,
});

describe('the checker', () => {
  it('accepts a complete history, acknowledged in any order', () => {
    expect(judge(history(three, { acknowledged: [message(3), message(1), message(2)] }))).toEqual([]);
  });

  it.each<[string, History, RegExp]>([
    ['a gap', history([message(1), message(3)]), /nothing between 1 and 3/],
    ['a missing end', history([message(1), message(2)]), /nothing after 2 of 3/],
    ['a repeat', history([message(1), message(2), message(2), message(3)]), /2 came after 2/],
    ['a wrong order', history([message(1), message(3), message(2)]), /2 came after 3/],
    ['a message that nobody sent', history([...three, message(4)]), /4 is not what was acknowledged/],
    ['another message in its place', history([message(1), message(2, { id: 'x' }), message(3)]), /2 is not what/],
    ['one position for two', history(three, { acknowledged: [...three, message(4, { position: 'p1' })] }), /p1 names/],
    ['a skipped sequence', history([], { acknowledged: [message(1), message(3)], heard: [] }), /3 acknowledged as 2/],
    [
      'one key stored twice',
      history(three, { acknowledged: [...three, message(4, { clientMessageId: 'k1' })] }),
      /twice/,
    ],
    [
      'an end with an error',
      { ...history(three), heard: [{ conversationId: 'c', events: three, errors: ['X'], closes: [], closedAt: [] }] },
      /X/,
    ],
    ['a refused writer', history(three, { refusals: ['FORBIDDEN'] }), /FORBIDDEN/],
  ])('finds %s', (_name, given, verdict) => {
    expect(judge(given).join('\n')).toMatch(verdict);
  });
});
