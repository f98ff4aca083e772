/** The bytes that peers make this process hold, received or unread, and who is refused or closed past the caps (G10). */
import { CLOSE_CODES } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { Quota } from '../../src/transport/peers/quota.ts';
import { UnhandledBytes } from '../../src/transport/peers/unhandled-bytes.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import fc from '../support/fast-check.ts';

const SMALL = LIMITS.smallBytes;
const MOST = 100 * SMALL;

describe('bytes that are not handled yet', () => {
  let unhandled: UnhandledBytes;
  let refused: string[];
  beforeEach(() => {
    unhandled = new UnhandledBytes(MOST);
    refused = [];
  });
  const parcelOf = (name: string, isOfMany = false) => {
    const parcel = unhandled.of({
      turnAway() {
        refused.push(name);
        parcel.update(0, parcel.bytes - parcel.waiting);
      },
    });
    parcel.isOfMany = isOfMany;
    return parcel;
  };

  it('are the sum of those that wait and those in hand', () => {
    const [one, two] = [parcelOf('one'), parcelOf('two')];
    one.update(10, 5);
    two.update(0, 7);
    expect([unhandled.bytes, one.bytes, one.waiting, two.waiting]).toEqual([22, 15, 10, 0]);
    one.update(0, 5);
    one.update(0, 5);
    two.update(0, 0);
    expect([unhandled.bytes, one.bytes]).toEqual([5, 5]);
  });

  it('past the cap are those of the largest until some room is made; peers of many users are last', () => {
    const parcels = [parcelOf('gateway', true), parcelOf('large'), parcelOf('middle'), parcelOf('small')];
    const sizes = [35 * SMALL, 30 * SMALL + 1, 30 * SMALL - 1, SMALL];
    for (const [nth, parcel] of parcels.entries()) parcel.update(sizes[nth] ?? 0, 0);
    expect([refused, unhandled.bytes]).toEqual([[], 96 * SMALL]);
    parcelOf('last').update(4 * SMALL, 0);
    expect([refused, unhandled.bytes]).toEqual([[], MOST]);
    parcels[3]?.update(SMALL + 1, 0);
    expect([refused, unhandled.bytes]).toEqual([['large'], 70 * SMALL]);
    // Enough was refused: no one else is.
    parcels[2]?.update(60 * SMALL, 0);
    expect(refused).toEqual(['large', 'middle']);
    // Only a gateway has more than little now.
    parcels[0]?.update(98 * SMALL, 0);
    expect(refused).toEqual(['large', 'middle', 'last', 'small', 'gateway']);
  });

  it('spare small senders up to twice the cap', () => {
    const parcels = Array.from({ length: 200 }, (_, nth) => parcelOf(String(nth)));
    for (const parcel of parcels) parcel.update(SMALL, 0);
    expect([refused, unhandled.bytes]).toEqual([[], 2 * MOST]);
    const last = parcelOf('last');
    last.update(1, 0);
    expect([unhandled.bytes < MOST, refused.length]).toEqual([true, 131]);
  });

  it('in hand are not refused, and leave room for small ones only', () => {
    const [busy, waiting] = [parcelOf('busy'), parcelOf('waiting')];
    expect([unhandled.hasRoomFor(MOST), unhandled.hasRoomFor(MOST + 1)]).toEqual([true, false]);
    busy.update(0, MOST - SMALL);
    expect([unhandled.hasRoomFor(SMALL + 1), unhandled.hasRoomFor(SMALL)]).toEqual([false, true]);
    busy.update(0, MOST);
    expect([refused, unhandled.hasRoomFor(SMALL), unhandled.hasRoomFor(SMALL + 1)]).toEqual([[], true, false]);
    waiting.update(SMALL + 1, 0);
    expect(refused).toEqual(['waiting']);
    busy.update(0, 2 * MOST);
    expect(unhandled.hasRoomFor(1)).toBe(false);
    busy.update(0, 0);
    expect([unhandled.bytes, unhandled.hasRoomFor(MOST)]).toEqual([0, true]);
  });

  it('that are fewer now refuse nobody', () => {
    const busy = parcelOf('busy');
    const waiting = parcelOf('waiting');
    waiting.update(SMALL + 1, 0);
    busy.update(0, MOST - SMALL - 1);
    busy.update(0, MOST - SMALL - 2);
    expect(refused).toEqual([]);
  });
});

describe('bytes that peers do not read', () => {
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  let unsent: UnsentBytes;
  let told: string[];
  beforeEach(() => {
    unsent = new UnsentBytes(1_000);
    told = [];
  });
  const accountOf = (name: string, isOpen = true) => {
    const holder = {
      isOpen,
      close: (code: number) => {
        holder.isOpen = false;
        told.push(`${name} closed ${code}`);
      },
      cut: () => void told.push(`${name} cut`),
    };
    return unsent.account(holder);
  };
  const CLOSED = `closed ${CLOSE_CODES.TRY_AGAIN_LATER}`;

  it('are counted, and those that were written in all', () => {
    const [one, two] = [accountOf('one'), accountOf('two')];
    one.wrote(10);
    two.wrote(5);
    one.update(8);
    one.update(8);
    two.update(4);
    one.update(3);
    expect([unsent.written, unsent.bytes, one.bytes]).toEqual([15, 7, 3]);
  });

  it('past a share of the cap close the fullest, in the next turn, until some room is made', async () => {
    const [one, two, three] = [accountOf('one'), accountOf('two'), accountOf('three')];
    one.update(150);
    two.update(350);
    three.update(300);
    await turn();
    expect([told, unsent.bytes]).toEqual([[], 800]);
    one.update(151);
    expect(told).toEqual([]);
    await turn();
    expect(told).toEqual([`two ${CLOSED}`]);
    // The closed one is not counted with the open ones.
    one.update(160);
    await turn();
    expect(told).toHaveLength(1);
    three.update(650);
    await turn();
    expect(told).toEqual([`two ${CLOSED}`, 'two cut', `three ${CLOSED}`]);
  });

  it('of peers that were told to close are freed when others need the memory', async () => {
    const [one, two] = [accountOf('one', false), accountOf('two', false)];
    one.update(400);
    two.update(600);
    await turn();
    expect(told).toEqual([]);
    one.update(401);
    await turn();
    expect([told, unsent.bytes]).toEqual([['two cut'], 401]);
  });

  it('are relieved once for all that happens in a turn, and only when they become more', async () => {
    const [one, two] = [accountOf('one'), accountOf('two')];
    one.update(500);
    two.update(599);
    two.update(600);
    await turn();
    // Past the cap still, but the one that was told has had no time to go.
    expect([told, unsent.bytes]).toEqual([[`two ${CLOSED}`], 1_100]);
    one.update(499);
    await turn();
    expect(told).toHaveLength(1);
    one.update(500);
    await turn();
    expect([told, unsent.bytes]).toEqual([[`two ${CLOSED}`, 'two cut'], 500]);
  });

  it('may be freed before the turn that would close someone', async () => {
    const one = accountOf('one');
    one.update(900);
    one.update(0);
    await turn();
    one.update(900);
    await turn();
    expect(told).toEqual([`one ${CLOSED}`]);
  });
});

it('a quota counts each holder up to its cap', () => {
  const step = fc.tuple(fc.constantFrom('a', 'b'), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const quota = new Quota(2);
      const counts = { a: 0, b: 0 };
      for (const [holder, isTaken] of steps as ['a' | 'b', boolean][]) {
        expect(quota.hasRoom(holder)).toBe(counts[holder] < 2);
        if (isTaken) {
          quota.take(holder);
          counts[holder] += 1;
        } else {
          quota.give(holder);
          counts[holder] = Math.max(counts[holder] - 1, 0);
        }
      }
    }),
  );
});
