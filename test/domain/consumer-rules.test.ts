/** Consumers and webhooks of a tenant, over an engine in memory. */
import { PARTITIONS, UNREACHED } from '../../src/engine/shared/consumer.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';
import { openTestDomain, type TestDomain } from '../support/domain.ts';
import { eventually } from '../support/eventually.ts';
import { alice, tenant, viewerOf } from '../support/world.ts';
import { admin, code, service } from './viewers.ts';

const user = viewerOf(alice);
const narrow = { ...service, topics: { publish: null, subscribe: ['a.#'] } };

let domain: TestDomain;
beforeEach(() => {
  domain = openTestDomain();
});
afterEach(() => domain.close());
const save = (more: object = {}, viewer = service) =>
  domain.consumers.save(viewer, { name: 'n', events: ['PUBLISHED'], ...more });
const publish = (topic: string, payload: unknown) => domain.topics.publish(user, { topic, payload });
const pull = (more: object = {}, viewer = service, isOver = () => false) =>
  domain.consumers.pull(viewer, { consumer: 'n', member: 'm', waitMs: 0, ...more }, isOver);
const seen = async () => (await pull()).events.map(({ data }) => (data as { payload: unknown }).payload);

/** An engine lists them in no order: here in the opposite one. */
function inAnyOrder(method: 'readConsumers' | 'readWebhooks'): void {
  const read = domain.engine[method] as (of: TenantId) => Promise<unknown[]>;
  Object.assign(domain.engine, { [method]: async (of: TenantId) => (await read(of)).toReversed() });
}

describe('consumers', () => {
  it('are saved, listed by name and deleted by back ends', async () => {
    for (const name of ['b', 'c', 'a']) await save({ name }, name === 'a' ? admin : service);
    inAnyOrder('readConsumers');
    expect((await domain.consumers.list(service)).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    const given = {
      name: 'd',
      events: ['PUBLISHED', 'MESSAGE_SENT', 'PUBLISHED'],
      conversations: ['x', 'x'],
      topics: ['a.#', 'a.#'],
    };
    expect(await save(given)).toEqual({
      name: 'd',
      events: ['PUBLISHED', 'MESSAGE_SENT'],
      conversations: ['x'],
      topics: ['a.#'],
    });
    expect(await domain.consumers.delete(admin, 'd')).toBe(true);
    await expect(domain.consumers.delete(admin, 'd')).rejects.toEqual(code('NOT_FOUND'));
    const forbidden = code('FORBIDDEN');
    await expect(save({}, user)).rejects.toEqual(forbidden);
    await expect(domain.consumers.list(user)).rejects.toEqual(forbidden);
    await expect(domain.consumers.delete(user, 'a')).rejects.toEqual(forbidden);
    await expect(pull({}, user)).rejects.toEqual(forbidden);
    await expect(domain.consumers.ack(user, 'a', 'x', [])).rejects.toEqual(forbidden);
    await expect(domain.consumers.progress(user, 'a')).rejects.toEqual(forbidden);
    await expect(domain.consumers.deadLetters(user, 'a', 1, null)).rejects.toEqual(forbidden);
  });

  it('G18: so many pulls of a tenant may wait on a node', async () => {
    await save();
    let isGone = false;
    const waiting = Array.from({ length: LIMITS.waitingPullsPerTenant }, () =>
      pull({ waitMs: 20_000 }, service, () => isGone),
    );
    await expect(Promise.race([...waiting, pull({ waitMs: 20_000 })])).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 1_000,
    });
    expect((await pull()).events).toEqual([]);
    isGone = true;
    domain.clock.advance(TIMES.eventTurnMs);
    await Promise.all(waiting);
  });

  const names = (count: number, name = 't'): string[] => Array.from({ length: count }, (_, n) => `${name}${n}`);
  it.each([
    { name: 'a b' },
    { events: [] },
    { topics: ['a.#.b'] },
    { topics: names(LIMITS.namesPerConsumer + 1) },
    { conversations: ['a b'] },
    { conversations: names(LIMITS.namesPerConsumer + 1) },
  ])('%j is refused', async (more) => {
    await expect(save(more)).rejects.toEqual(code('BAD_USER_INPUT'));
  });

  it('a tenant has so many, each with so many names', async () => {
    await expect(
      save({ topics: names(LIMITS.namesPerConsumer), conversations: names(LIMITS.namesPerConsumer) }),
    ).resolves.toBeDefined();
    for (let n = 1; n < LIMITS.consumersPerTenant; n += 1) await save({ name: `n${n}` });
    await expect(save({ name: 'more' })).rejects.toEqual(code('CONFLICT'));
    await expect(save({ events: ['MESSAGE_SENT'] })).resolves.toMatchObject({ name: 'n' });
  });

  it('hear no more than a subscription of their caller would', async () => {
    const forbidden = code('FORBIDDEN');
    await expect(save({}, narrow)).rejects.toEqual(forbidden);
    await expect(save({ topics: ['a.b', 'c'] }, narrow)).rejects.toEqual(forbidden);
    await expect(save({ events: ['MESSAGE_SENT'] }, narrow)).resolves.toBeDefined();
    await save({ topics: ['a.b'] }, narrow);
    await expect(pull({}, narrow)).resolves.toMatchObject({ events: [] });
    await save();
    await expect(pull({}, narrow)).rejects.toEqual(forbidden);
    await expect(save({ topics: ['a.b'] }, narrow)).rejects.toEqual(forbidden);
    const target = { consumer: 'n', url: 'https://x.test' };
    await expect(domain.webhooks.save(narrow, target)).rejects.toEqual(forbidden);
    await expect(domain.webhooks.save(service, target)).resolves.toBeDefined();
    // For a token without claims nothing is looked up.
    let reads = 0;
    const { readConsumers } = domain.engine;
    Object.assign(domain.engine, {
      readConsumers: (of: TenantId) => {
        reads += 1;
        return readConsumers(of);
      },
    });
    await pull();
    expect(reads).toBe(0);
  });

  it('are given events, from now or from the start, until they acknowledge them', async () => {
    await save({ name: 'other' });
    await publish('t', 1);
    await save();
    await save({ name: 'early', from: 'START' });
    await publish('t', 2);
    const pulled = await pull();
    expect(pulled.events).toMatchObject([{ type: 'published', subject: 't', attempt: 1, data: { payload: 2 } }]);
    expect((await pull({ consumer: 'early' })).events).toHaveLength(2);
    expect(await domain.consumers.progress(service, 'n')).toMatchObject({ pending: 1 });
    expect(await seen()).toEqual([]);
    expect(await domain.consumers.ack(service, 'n', pulled.ackToken, [])).toBe(true);
    expect(await domain.consumers.progress(service, 'n')).toMatchObject({ lag: 0, pending: 0, deadLetters: 0 });
    await publish('t', 3);
    const failing = await pull();
    const [failed] = failing.events;
    await domain.consumers.ack(service, 'n', failing.ackToken, [failed?.id ?? '']);
    domain.clock.advance(TIMES.eventAckMs);
    expect((await pull()).events).toMatchObject([{ id: failed?.id, attempt: 2 }]);
  });

  it('an acknowledgement has a token of its consumer', async () => {
    await save();
    await publish('t', 1);
    const { ackToken } = await pull();
    const [, id, ...partitions] = JSON.parse(Buffer.from(ackToken, 'base64url').toString()) as [
      string,
      string,
      ...number[],
    ];
    const token = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const wrong = [
      '',
      '%',
      Buffer.from('x').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
      token('other', id, ...partitions),
    ];
    const ids = [
      token('n', 5, ...partitions),
      token('n', id, PARTITIONS),
      token('n', id, -1),
      token('n', id, 0.5),
      token('n', id, '0'),
    ];
    for (const each of [...wrong, ...ids, token('n', 'x'.repeat(1_024), 0)])
      await expect(domain.consumers.ack(service, 'n', each, [])).rejects.toEqual(code('BAD_USER_INPUT'));
    const failed = Array(LIMITS.eventsPerPull + 1).fill('x');
    await expect(domain.consumers.ack(service, 'n', ackToken, failed)).rejects.toEqual(code('BAD_USER_INPUT'));
    // Partitions that were not handed out are no fault of the text.
    const more = token('n', id, 0, PARTITIONS - 1, ...partitions);
    await expect(domain.consumers.ack(service, 'n', more, failed.slice(1))).resolves.toBe(false);
    await domain.consumers.delete(service, 'n');
    await expect(domain.consumers.ack(service, 'n', ackToken, [])).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.consumers.progress(service, 'n')).rejects.toEqual(code('NOT_FOUND'));
    await expect(pull()).rejects.toEqual(code('NOT_FOUND'));
  });

  it('a pull takes so many, and waits for so long', async () => {
    await save();
    for (const bad of [
      { member: 'a b' },
      { max: 0 },
      { max: LIMITS.eventsPerPull + 1 },
      { waitMs: TIMES.longestPullMs + 1 },
      { waitMs: -1 },
    ])
      await expect(pull(bad)).rejects.toEqual(code('BAD_USER_INPUT'));
    await expect(pull({ max: LIMITS.eventsPerPull })).resolves.toMatchObject({ events: [] });
    // A caller who is gone is handed nothing.
    await publish('t', 0);
    expect((await pull({}, service, () => true)).events).toEqual([]);
    const { events, ackToken } = await pull();
    expect(events).toHaveLength(1);
    await domain.consumers.ack(service, 'n', ackToken, []);
    let found: unknown[] | null = null;
    void pull({ waitMs: TIMES.longestPullMs }).then(({ events }) => {
      found = events.slice();
    });
    await eventually(() => expect(domain.clock.isDueIn(TIMES.eventTurnMs)).toBe(true));
    await publish('t', 1);
    await eventually(() => {
      domain.clock.advance(TIMES.eventTurnMs);
      expect(found).toHaveLength(1);
    });
  });

  it('the search for unreached users runs while a consumer wants it', async () => {
    const searching = async () => (await domain.engine.readConsumers(tenant)).some(({ name }) => name === UNREACHED);
    await save({ events: ['USER_UNREACHED'] });
    await save({ name: 'second', events: ['USER_UNREACHED'] });
    expect(await searching()).toBe(true);
    expect((await domain.consumers.list(service)).map(({ name }) => name)).toEqual(['n', 'second']);
    expect(await domain.webhooks.list(service)).toEqual([]);
    await domain.consumers.delete(service, 'n');
    expect(await searching()).toBe(true);
    await save({ name: 'second', events: ['PUBLISHED'] });
    expect(await searching()).toBe(false);
    await save({ events: ['USER_UNREACHED'] });
    await domain.consumers.delete(service, 'n');
    expect([await searching(), await domain.engine.readWebhook(tenant, UNREACHED)]).toEqual([false, null]);
  });

  it('the search for unreached users goes on where it was while any consumer wants it', async () => {
    const version = async () => (await domain.engine.readWebhook(tenant, UNREACHED))?.record.version;
    await save({ events: ['USER_UNREACHED'] });
    const first = await version();
    await save({ name: 'second', events: ['USER_UNREACHED'] });
    await save({ name: 'third' });
    expect([typeof first, await version()]).toEqual(['string', first]);
    await domain.consumers.delete(service, 'third');
    await domain.consumers.delete(service, 'n');
    expect(await version()).toBe(first);
  });

  it('dead letters come in pages, those of topics only to who may hear them', async () => {
    await save({ topics: ['a.b', 'c'] });
    await publish('a.b', 1);
    await publish('c', 2);
    for (let n = 0; n < LIMITS.eventAttempts; n += 1) {
      const { events, ackToken } = await pull();
      await domain.consumers.ack(
        service,
        'n',
        ackToken,
        events.map(({ id }) => id),
      );
      domain.clock.advance(TIMES.eventAckMs);
    }
    await pull();
    const page = async (viewer: typeof service, first: number, after: string | null = null) => {
      const { letters, hasNextPage } = await domain.consumers.deadLetters(viewer, 'n', first, after);
      return {
        subjects: letters.map(({ event }) => event.subject),
        keys: letters.map(({ key }) => key),
        hasNextPage,
      };
    };
    const all = await page(service, 5);
    expect([all.subjects.toSorted(), all.hasNextPage]).toEqual([['a.b', 'c'], false]);
    const first = await page(service, 1);
    expect([first.subjects.length, first.hasNextPage]).toEqual([1, true]);
    expect((await page(service, 1, first.keys[0] ?? null)).subjects).toEqual(all.subjects.slice(1));
    expect((await page(narrow, 5)).subjects).toEqual(['a.b']);
    await expect(page(service, LIMITS.eventsPerPull + 1)).rejects.toEqual(code('BAD_USER_INPUT'));
    await expect(page(service, 1, 'x')).rejects.toEqual(code('BAD_USER_INPUT'));
    await domain.webhooks.save(service, { consumer: 'n', url: 'https://x.test' });
    expect(await domain.webhooks.redeliver(service, 'n', first.keys[0])).toBe(1);
    expect(await domain.webhooks.redeliver(service, 'n', null)).toBe(1);
  });
});

describe('webhooks', () => {
  const target = { consumer: 'n', url: 'https://x.test' };

  it('are saved, listed by consumer and deleted by back ends', async () => {
    for (const name of ['b', 'c', 'a']) {
      await save({ name });
      await domain.webhooks.save(service, { ...target, consumer: name });
    }
    inAnyOrder('readWebhooks');
    expect((await domain.webhooks.list(admin)).map(({ consumer }) => consumer)).toEqual(['a', 'b', 'c']);
    await save();
    const first = await domain.webhooks.save(service, target);
    expect(first).toMatchObject({ secret: expect.stringMatching(/^whsec_.{44}$/), earlierUntil: null });
    expect(first.webhook).toMatchObject({
      ...target,
      timeoutMs: TIMES.webhookMs,
      state: 'ENABLED',
      failingSince: null,
      error: null,
    });
    const second = await domain.webhooks.save(service, { ...target, timeoutMs: 1 });
    expect([second.webhook.timeoutMs, second.secret === first.secret]).toEqual([1, false]);
    expect(second.earlierUntil).toBeGreaterThan(domain.clock.now());
    expect(await domain.webhooks.delete(service, 'n')).toBe(true);
    await expect(domain.webhooks.delete(service, 'n')).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.webhooks.redeliver(service, 'n', null)).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.webhooks.save(service, { ...target, consumer: 'none' })).rejects.toEqual(code('NOT_FOUND'));
    const acts = [
      domain.webhooks.list(user),
      domain.webhooks.save(user, target),
      domain.webhooks.delete(user, 'a'),
      domain.webhooks.redeliver(user, 'a', null),
    ];
    for (const act of acts) await expect(act).rejects.toEqual(code('FORBIDDEN'));
  });

  it('have an allowed URL of some length, and a time', async () => {
    await save();
    const long = (length: number) => ({ ...target, url: target.url.padEnd(length, '/') });
    const bad = [{ ...target, url: 'http://x.test' }, long(LIMITS.webhookUrlCharacters + 1)];
    const times = [0, -1, 0.5, TIMES.longestWebhookMs + 1].map((timeoutMs) => ({ ...target, timeoutMs }));
    for (const each of [...bad, ...times, { ...target, consumer: 'a b' }])
      await expect(domain.webhooks.save(service, each)).rejects.toEqual(code('BAD_USER_INPUT'));
    const most = { ...long(LIMITS.webhookUrlCharacters), timeoutMs: TIMES.longestWebhookMs };
    await expect(domain.webhooks.save(service, most)).resolves.toBeDefined();
  });

  it('show how they do', async () => {
    await save();
    await domain.webhooks.save(service, target);
    const version = (await domain.engine.readWebhook(tenant, 'n'))?.record.version ?? '';
    const shownAs = async (health: object) => {
      const usual = { version, failingSince: null, deliveredAt: 5, error: null, disabledAt: null };
      await domain.engine.noteWebhook(tenant, 'n', { ...usual, ...health });
      return (await domain.webhooks.list(service))[0];
    };
    expect(await shownAs({})).toMatchObject({ state: 'ENABLED', deliveredAt: 5 });
    expect(await shownAs({ failingSince: 7, error: 'no' })).toMatchObject({
      state: 'FAILING',
      failingSince: 7,
      error: 'no',
    });
    expect(await shownAs({ failingSince: 7, disabledAt: 9 })).toMatchObject({ state: 'DISABLED', disabledAt: 9 });
  });
});
