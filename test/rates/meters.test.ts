/** The cost of each act, and the buckets it is taken from. */
import { LIMITS } from '../../src/limits.ts';
import type { Meter, TenantId, Viewer } from '../../src/model.ts';
import { RateLimits } from '../../src/rates/rate-limits.ts';
import { noneRevoked, ratesOf } from '../support/rates.ts';
import { StillClock } from '../support/still-clock.ts';
import { silentLog, userId, viewerOf } from '../support/world.ts';

const FLOOD = LIMITS.refusalsPerConnection + 1;

const viewer = (id: string, tenant = 'acme', ...scopes: string[]): Viewer =>
  viewerOf(userId(id), { tenant: tenant as TenantId, scopes: new Set(scopes) });
const service = viewer('crm', 'acme', 'realtime:service');

describe('meters', () => {
  let clock: StillClock;
  const limits = (given: Parameters<typeof ratesOf>[0] = {}): RateLimits =>
    new RateLimits(ratesOf(given), clock, silentLog, async (uses) => uses.map(() => 0), noneRevoked);
  beforeEach(() => {
    clock = new StillClock();
  });

  /** How many of so many tries were let through. */
  const allowed = (tries: number, work: () => void): number => {
    let count = 0;
    for (let n = 0; n < tries; n += 1) {
      try {
        work();
        count += 1;
      } catch {}
    }
    return count;
  };
  const message = (meter: Meter) => (): void => meter.count('message');

  it('2,000 changes by one user in a second: no more than the rate of their class', () => {
    const meter = limits().ofRequest(viewer('mallory'));
    expect(allowed(2_000, () => meter.count('reaction'))).toBe(10);
    expect(allowed(2_000, () => meter.count('membership'))).toBe(60);
    expect(allowed(2_000, () => meter.count('creation'))).toBe(30);
    expect(allowed(2_000, () => meter.count('session-creation'))).toBe(10);
    expect(allowed(2_000, () => meter.count('session'))).toBe(30);
    expect(allowed(2_000, () => meter.count('admin'))).toBe(60);
    expect(allowed(2_000, () => meter.count('rule-test'))).toBe(2);
    expect(allowed(2_000, message(meter))).toBe(50);
    clock.advance(1_000);
    expect(allowed(2_000, () => meter.count('reaction'))).toBe(10);
    expect(allowed(2_000, () => meter.count('creation'))).toBe(0);
    clock.advance(59_000);
    expect(allowed(2_000, () => meter.count('creation'))).toBe(30);
  });

  it('named users: a thousand at once, then two hundred a minute; a refusal uses up nothing', () => {
    const meter = limits({ RATE_LIMIT_CREATIONS: 3 }).ofRequest(viewer('mallory'));
    meter.count('membership', 700);
    expect(() => meter.count('membership', 301)).toThrow('Rate limit exceeded; retry after retryAfterMs.');
    meter.count('creation', 299);
    // Neither did the refusals take of the rate of creations.
    expect(allowed(5, () => meter.count('creation', 2))).toBe(0);
    expect(allowed(5, () => meter.count('creation'))).toBe(2);
    clock.advance(60_000);
    meter.count('membership', 201);
    expect(() => meter.count('membership', 1)).toThrow('Rate limit exceeded; retry after retryAfterMs.');
    // More than a call may name is refused as such, and is not owed.
    clock.advance(300_000);
    meter.count('membership', 1_000_000);
    clock.advance(60_000);
    expect(() => meter.count('membership', 200)).not.toThrow();
  });

  it('a refusal uses up nothing of the tenant, the node or other connections', () => {
    const few = limits({ RATE_LIMIT_USER_MESSAGES: 5, RATE_LIMIT_TENANT_MESSAGES: 20, RATE_LIMIT_NODE_MESSAGES: 22 });
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((user) => few.ofRequest(viewer(user))) as [
      Meter,
      Meter,
      Meter,
    ];
    expect(allowed(100, message(alice))).toBe(5);
    expect(allowed(100, message(bob))).toBe(5);
    const socket = few.ofConnection(
      () => viewer('dave'),
      () => undefined,
    );
    expect(allowed(50, message(socket))).toBe(5);
    expect(allowed(50, message(carol))).toBe(5);
    expect(allowed(50, message(few.ofRequest(viewer('erin'))))).toBe(0);
    // Another tenant's are held by what the node can carry only.
    expect(allowed(50, message(few.ofRequest(viewer('erin', 'other'))))).toBe(2);
  });

  it('a socket has its own rate within the user’s, and a refusal by the user’s rate uses none of it', () => {
    const few = limits({ RATE_LIMIT_MESSAGES: 4, RATE_LIMIT_USER_MESSAGES: 6 });
    const open = (): Meter =>
      few.ofConnection(
        () => viewer('alice'),
        () => undefined,
      );
    const [one, two] = [open(), open()];
    expect(allowed(10, message(one))).toBe(4);
    expect(allowed(10, message(two))).toBe(2);
    clock.advance(500);
    // Of the user's six a second three are back, and of each socket's four two.
    expect(allowed(10, message(two))).toBe(3);
  });

  it('a service has one rate for everything, apart from its tenant’s, and no flood closes its sockets', () => {
    let isFlooding = false;
    const few = limits({ RATE_LIMIT_SERVICE: 200, RATE_LIMIT_TENANT_MESSAGES: 10 });
    const socket = few.ofConnection(
      () => service,
      () => {
        isFlooding = true;
      },
    );
    const request = few.ofRequest(service);
    expect(allowed(100, message(socket))).toBe(100);
    expect(allowed(50, () => request.count('creation', 900))).toBe(50);
    expect(allowed(1_000, () => socket.count('reaction'))).toBe(50);
    expect(isFlooding).toBe(false);
    expect(allowed(50, message(few.ofRequest(viewer('alice'))))).toBe(10);
  });

  it('a service opens sockets, streams and subscriptions at its own rate only', () => {
    const OPENINGS: Record<string, (few: RateLimits, who: Viewer) => () => void> = {
      connect: (few, who) => () => few.connect(who),
      openStream: (few, who) => () => few.openStream(who),
      openStreamOfGateway: (few, who) => () => few.openStreamOfGateway(who),
      'subscribe on a socket': (few, who) => {
        const meter = few.ofConnection(
          () => who,
          () => undefined,
        );
        return () => meter.subscribe();
      },
      'subscribe by a gateway': (few, who) => {
        const meter = few.ofGateway(() => who);
        return () => meter.subscribe();
      },
    };
    for (const [name, opening] of Object.entries(OPENINGS)) {
      const few = limits({ RATE_LIMIT_SERVICE: 300 });
      // What a user of the same name opens is not counted, and what they may open is no measure.
      allowed(301, opening(few, viewer('crm')));
      expect([name, allowed(301, opening(few, service))]).toEqual([name, 300]);
      // It is one rate, whatever it is used for.
      expect([name, allowed(10, () => few.ofRequest(service).count('reaction'))]).toEqual([name, 0]);
    }
  });

  it('a socket is counted by its present token', () => {
    let now = viewer('crm');
    const socket = limits({ RATE_LIMIT_MESSAGES: 3 }).ofConnection(
      () => now,
      () => undefined,
    );
    expect(allowed(10, message(socket))).toBe(3);
    now = service;
    expect(allowed(10, message(socket))).toBe(10);
    now = viewer('crm');
    expect(allowed(10, message(socket))).toBe(0);
  });

  it('repeated refusals of any kind are a flood; signals never are', async () => {
    const floods: string[] = [];
    const few = limits({ RATE_LIMIT_REACTIONS: 1 });
    const reacting = few.ofConnection(
      () => viewer('alice'),
      () => floods.push('reactions'),
    );
    const signalling = few.ofConnection(
      () => viewer('bob'),
      () => floods.push('signals'),
    );
    allowed(FLOOD, () => reacting.count('reaction'));
    expect(floods).toEqual([]);
    allowed(1, () => reacting.count('reaction'));
    expect(floods).toEqual(['reactions']);
    for (let n = 0; n < 10 * FLOOD; n += 1) {
      await signalling.signal({ kind: 'x', rank: 0, late: 'let-go', apply: async () => n, asIfApplied: () => n });
    }
    expect(floods).toEqual(['reactions']);
  });

  it('repeated reads without budget, and repeated requests without room, are a flood', () => {
    const floods: string[] = [];
    const some = limits();
    const meterOf = (userId: string, scope?: Viewer) =>
      some.ofConnection(
        () => scope ?? viewer(userId),
        () => floods.push(userId),
      );
    const reading = meterOf('reader');
    const units = ratesOf({}).readsPerUser;
    for (let n = 0; n < FLOOD; n += 1) reading.spend(units);
    expect(floods).toEqual([]);
    reading.spend(units);
    expect(floods).toEqual(['reader']);
    // It is not in debt for what was not done at its cost.
    for (let n = 0; n < 10 * FLOOD; n += 1) reading.spend(0);
    const full = meterOf('full');
    for (let n = 0; n < LIMITS.refusalsPerConnection; n += 1) full.overrun();
    expect(floods).toEqual(['reader']);
    full.overrun();
    expect(floods).toEqual(['reader', 'full']);
    const crm = meterOf('crm', service);
    for (let n = 0; n < 10 * FLOOD; n += 1) crm.overrun();
    expect(floods).toEqual(['reader', 'full']);
  });

  it('the same user id in two tenants has two rates', () => {
    const some = limits();
    expect(allowed(100, message(some.ofRequest(viewer('alice', 'one'))))).toBe(50);
    expect(allowed(100, message(some.ofRequest(viewer('alice', 'two'))))).toBe(50);
  });

  it('a refresh token is counted for its user, and once if the request has that user’s token too', () => {
    const few = limits({ RATE_LIMIT_SESSIONS: 3 });
    const nobody = few.ofRequest(null);
    expect(allowed(100, () => nobody.count('session'))).toBe(100);
    expect(allowed(100, () => nobody.of(viewer('alice')).count('session'))).toBe(3);
    const bob = few.ofRequest(viewer('bob'));
    expect(allowed(100, () => bob.of(viewer('bob')).count('session'))).toBe(100);
    expect(allowed(100, () => bob.of(viewer('alice')).count('session'))).toBe(0);
    expect(allowed(100, () => bob.count('session'))).toBe(3);
  });

  it('the user of a token is another one in another tenant', () => {
    const few = limits({ RATE_LIMIT_SESSIONS: 3 });
    const bob = few.ofRequest(viewer('bob'));
    expect(allowed(100, () => bob.of(viewer('bob', 'other')).count('session'))).toBe(3);
  });

  it('people whom a refused call named may be named again', () => {
    const meter = limits().ofRequest(viewer('alice'));
    meter.count('membership', 1_000);
    meter.unname(300);
    // No call counts more than it may name.
    meter.unname(LIMITS.usersPerCall + 1);
    meter.unname(0);
    expect(() => meter.count('membership', 301)).toThrow('Rate limit exceeded; retry after retryAfterMs.');
    meter.count('membership', 300);
    const crm = limits().ofRequest(service);
    crm.unname(300);
    expect(() => crm.count('membership', LIMITS.usersPerCall)).not.toThrow();
  });

  it('subscriptions of a socket: a hundred at once, then ten a second; of requests: any number', () => {
    const some = limits();
    const meter = some.ofConnection(
      () => viewer('alice'),
      () => undefined,
    );
    expect(allowed(200, () => meter.subscribe())).toBe(LIMITS.subscriptionsPerSocket);
    clock.advance(1_000);
    expect(allowed(200, () => meter.subscribe())).toBe(10);
    expect(allowed(200, () => some.ofRequest(viewer('alice')).subscribe())).toBe(200);
  });

  it('subscriptions through gateways are counted per user, for as many as fifty sockets have', () => {
    const some = limits();
    const open = (): Meter => some.ofGateway(() => viewer('alice'));
    const [one, other] = [open(), open()];
    expect(allowed(4_000, () => one.subscribe())).toBe(4_000);
    expect(allowed(4_000, () => other.subscribe())).toBe(50 * LIMITS.subscriptionsPerSocket - 4_000);
    const bob = some.ofGateway(() => viewer('bob'));
    expect(allowed(10, () => bob.subscribe())).toBe(10);
  });

  it('streams over HTTP are counted per user, apart from those through gateways', () => {
    const some = limits();
    expect(allowed(200, () => some.openStream(viewer('alice')))).toBe(LIMITS.subscriptionsPerSocket);
    expect(allowed(200, () => some.openStreamOfGateway(viewer('alice')))).toBe(200);
    expect(allowed(10, () => some.openStream(viewer('bob')))).toBe(10);
  });

  it('sockets: thirty at once, then thirty a minute; the refusal has the time to wait', () => {
    const some = limits();
    expect(allowed(100, () => some.connect(viewer('alice')))).toBe(30);
    expect(() => some.connect(viewer('alice'))).toThrow(
      expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 2_000 }),
    );
    clock.advance(60_000);
    expect(allowed(100, () => some.connect(viewer('alice')))).toBe(30);
  });

  it('copies by rules are owed by the tenant, those of a service by the service, and none by the node', () => {
    const few = limits({ RATE_LIMIT_TENANT_MESSAGES: 20, RATE_LIMIT_SERVICE: 20, RATE_LIMIT_NODE_MESSAGES: 22 });
    few.copied(viewer('alice'), 30);
    expect(allowed(1, message(few.ofRequest(viewer('bob'))))).toBe(0);
    expect(allowed(2, message(few.ofRequest(viewer('bob', 'other'))))).toBe(2);
    expect(allowed(1, message(few.ofRequest(service)))).toBe(1);
    few.copied(service, 30);
    expect(allowed(1, message(few.ofRequest(service)))).toBe(0);
    clock.advance(550);
    expect(allowed(1, message(few.ofRequest(viewer('bob'))))).toBe(1);
  });

  it('RATE_LIMIT_ENABLED=false: nothing is counted, told or held', async () => {
    const told: unknown[] = [];
    const share = async (uses: readonly unknown[]): Promise<number[]> => {
      told.push(...uses);
      return [];
    };
    const none = new RateLimits(null, clock, silentLog, share, noneRevoked);
    const who = viewer('alice');
    const meters = [
      none.ofRequest(who),
      none.ofRequest(null).of(who),
      none.ofGateway(() => who),
      none.ofConnection(
        () => who,
        () => told.push('a flood'),
      ),
    ];
    for (const meter of meters) {
      expect(allowed(5_000, message(meter))).toBe(5_000);
      expect(allowed(5_000, () => meter.subscribe())).toBe(5_000);
      meter.unname(1);
      meter.adjust(1_000_000);
      meter.spend(1_000_000);
      meter.overrun();
      meter.payForEvent(1_000_000);
      meter.read(1_000_000);
      const signal = {
        kind: 'x',
        rank: 0,
        late: 'in-turn',
        apply: async () => 'now',
        asIfApplied: () => 'later',
      } as const;
      for (let n = 0; n < 100; n += 1) expect(await meter.signal(signal)).toBe('now');
    }
    for (let n = 0; n < 1_000; n += 1) {
      none.connect(who);
      none.openStream(who);
      none.openStreamOfGateway(who);
      none.copied(who, 1_000);
    }
    await none.reconcile();
    await none.close();
    expect(told).toEqual([]);
  });
});
