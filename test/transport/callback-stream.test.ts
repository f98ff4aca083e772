/** What one subscription over callbacks holds while its router accepts nothing: its caps, and when there is room again. */
import { LIMITS, TIMES } from '../../src/limits.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import { CallbackStream } from '../../src/transport/streams/callback.ts';
import {
  apolloRouter,
  type CallbackMessage,
  type CallbackRouter,
  startCallbackRouter,
} from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, viewerOf } from '../support/world.ts';

const MOST_BYTES = 100;
/** A router is asked again after this. */
const RETRY_MS = 100;

describe('a subscription over callbacks', () => {
  let router: CallbackRouter;
  let clock: StillClock;
  let unsent: UnsentBytes;
  let stream: CallbackStream;
  let delivered: number;
  beforeEach(async () => {
    router = await startCallbackRouter();
    clock = new StillClock();
    unsent = new UnsentBytes(1e9);
    delivered = 0;
  });
  afterEach(async () => {
    stream.abandon();
    await router.close();
  });

  function open(maxQueuedBytes = MOST_BYTES): void {
    stream = new CallbackStream(
      { callbackUrl: `${router.url}/callback`, subscriptionId: 'one', verifier: 'v', heartbeatIntervalMs: 0 },
      {
        viewer: viewerOf(alice),
        formatError: (error) => {
          const { message, code, reason } = error as Error & { code: string; reason?: string };
          return { message, extensions: { code, reason } };
        },
        clock,
        maxQueuedBytes,
        unsent,
        delivered: () => {
          delivered += 1;
        },
      },
    );
  }
  /** As JSON, of so many bytes. */
  const deliver = (bytes: number): void => stream.deliver(Buffer.from(JSON.stringify('x'.repeat(bytes - 2))), {});
  const refuseAll = (): void => {
    router.answer = () => 503;
  };
  const tries = (): number => router.of('next').length;
  /** The message that is being sent was refused, and waits for its next try. */
  const refused = (times: number): Promise<void> =>
    eventually(() => expect([tries(), clock.isDueIn(RETRY_MS)]).toEqual([times, true]));

  /** It ends with the reason, and the message that was being sent is not sent again. */
  async function isTooSlow(): Promise<void> {
    expect([stream.isOpen, stream.queuedBytes, unsent.bytes]).toEqual([false, 0, 0]);
    router.answer = apolloRouter;
    const before = tries();
    clock.advance(RETRY_MS);
    await eventually(() => expect(stream.lifetime.isClosed).toBe(true));
    expect(router.of('complete')).toMatchObject([
      { errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE', reason: 'SLOW_READER' } }] },
    ]);
    expect([tries(), clock.pending, unsent.bytes]).toEqual([before, 0, 0]);
  }

  it('G10: has a cap of waiting events beside the one that is being sent', async () => {
    open(1e9);
    refuseAll();
    deliver(3);
    await refused(1);
    for (let n = 0; n < LIMITS.queuedEvents; n += 1) deliver(3);
    expect([stream.isOpen, stream.queuedBytes, unsent.bytes]).toEqual([
      true,
      ...Array(2).fill(3 * (LIMITS.queuedEvents + 1)),
    ]);
    deliver(3);
    await isTooSlow();
    deliver(3);
    expect([delivered, stream.queuedBytes]).toEqual([LIMITS.queuedEvents + 2, 0]);
  });

  it('G10: has a cap of bytes, with those of the event that is being sent', async () => {
    open();
    refuseAll();
    deliver(MOST_BYTES - 10);
    deliver(10);
    await refused(1);
    expect([stream.isOpen, stream.queuedBytes, unsent.bytes]).toEqual([true, MOST_BYTES, MOST_BYTES]);
    deliver(3);
    await isTooSlow();
  });

  it.each([
    ['does not know it any more', 404, 1],
    ['fails for as long as an event is tried', 503, TIMES.callbackRetryMs / 2_000],
  ])('ends without a word when its router %s', async (_, status, least) => {
    open();
    router.answer = () => status;
    deliver(3);
    deliver(4);
    await eventually(() => {
      clock.advance(RETRY_MS);
      expect(stream.lifetime.isClosed).toBe(true);
    });
    expect(tries()).toBeGreaterThanOrEqual(least);
    expect(router.of('next').every(({ payload }) => payload.length === 1)).toBe(true);
    expect([router.of('complete'), stream.queuedBytes, unsent.bytes, clock.pending]).toEqual([[], 0, 0, 0]);
    expect(clock.elapsed()).toBeLessThan(2 * TIMES.callbackRetryMs);
  });

  it('is congested past half of its caps, and tells of room once it is not', async () => {
    open();
    const told: string[] = [];
    stream.onRoom(() => told.push('at once'));
    refuseAll();
    deliver(20);
    deliver(30);
    expect(stream.isCongested()).toBe(false);
    deliver(10);
    deliver(10);
    expect([stream.isCongested(), stream.queuedBytes]).toEqual([true, 70]);
    stream.onRoom(() => told.push('room'));
    stream.onRoom(() => told.push('cancelled'))();
    await refused(1);
    const of = ({ body }: CallbackMessage): number => body.payload?.length + 2;
    deliver(10);
    router.answer = (message) => (of(message) === 20 ? 200 : 503);
    clock.advance(RETRY_MS);
    await refused(3);
    expect([stream.queuedBytes, stream.isCongested(), told]).toEqual([60, true, ['at once']]);
    router.answer = (message) => (of(message) === 30 ? 200 : 503);
    clock.advance(RETRY_MS);
    await refused(5);
    expect([stream.queuedBytes, stream.isCongested(), told]).toEqual([30, false, ['at once', 'room']]);
    router.answer = apolloRouter;
    clock.advance(RETRY_MS);
    await eventually(() => expect([stream.queuedBytes, unsent.bytes]).toEqual([0, 0]));
    expect([stream.isOpen, told]).toEqual([true, ['at once', 'room']]);
  });

  it('is congested past half of the number of waiting events, and its end lets those go on that wait', async () => {
    open(1e9);
    refuseAll();
    for (let n = 0; n <= LIMITS.queuedEvents / 2; n += 1) deliver(3);
    expect(stream.isCongested()).toBe(false);
    deliver(3);
    expect(stream.isCongested()).toBe(true);
    const told: string[] = [];
    stream.onRoom(() => told.push('room'));
    stream.onClose((peer) => told.push(`closed ${peer === stream}`));
    await refused(1);
    expect(told).toEqual([]);
    stream.abandon();
    expect([told, stream.isCongested(), unsent.bytes]).toEqual([['room', 'closed true'], false, 0]);
  });
});
