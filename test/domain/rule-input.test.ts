/** Routing rules as admins write them, and what they do to one message. */
import { createRuleReader, type RoutingRuleInput, sampleOf } from '../../src/domain/rule-input.ts';
import { apply, looksAt, mayDivert, type Routable } from '../../src/domain/rule-run.ts';
import { LIMITS } from '../../src/limits.ts';
import type { RoutingRuleId, RoutingRuleRecord, RuleAction, RuleMatch, UserId } from '../../src/model.ts';
import { alice, bob, viewerOf } from '../support/world.ts';

const bad = expect.objectContaining({ code: 'BAD_USER_INPUT' });
const viewer = viewerOf(alice);
const ALL: RuleMatch = { on: ['TOPIC', 'DIRECT', 'GROUP', 'ROOM'], topic: null, sender: null, where: null };

describe('a routing rule as it is written', () => {
  const read = createRuleReader({
    fault: (source) => (source === '(' ? 'it ends too early' : null),
    evaluate: async () => 0,
  });
  const base = { name: 'A rule', match: { on: ['TOPIC'] }, action: { drop: true } };
  const rule = (change: Partial<RoutingRuleInput>): RoutingRuleRecord => read(viewer, { ...base, ...change }, 5);

  it('what is left out has its default', () => {
    const { id, ...rest } = rule({});
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(rest).toEqual({
      name: 'A rule',
      enabled: true,
      priority: 0,
      match: { on: ['TOPIC'], topic: null, sender: null, where: null },
      action: { drop: true },
      onFault: 'PASS',
      updatedAt: 5,
      updatedBy: alice,
    });
    expect(rule({ id: 'r', enabled: false, priority: -3, onFault: 'REFUSE' })).toMatchObject({
      id: 'r',
      enabled: false,
      priority: -3,
      onFault: 'REFUSE',
    });
  });

  it.each<[unknown, object]>([
    [{ on: ['ROOM', 'DIRECT', 'GROUP', 'TOPIC', 'ROOM'] }, { on: ['ROOM', 'DIRECT', 'GROUP', 'TOPIC'] }],
    [{ on: ['TOPIC'], topic: 'orders.*.#' }, { topic: 'orders.*.#' }],
    [{ on: ['TOPIC'], topic: 'user/%61.b' }, { topic: 'user/a.b' }],
    [{ on: ['TOPIC'], sender: 'ä' }, { sender: 'ä' }],
    [
      { on: ['TOPIC'], where: 'x'.repeat(LIMITS.expressionCharacters) },
      { where: 'x'.repeat(LIMITS.expressionCharacters) },
    ],
  ])('matches %j', (match, expected) => {
    expect(rule({ match }).match).toMatchObject(expected);
  });

  it.each<[unknown]>([
    [null],
    [[]],
    ['TOPIC'],
    [{}],
    [{ on: [] }],
    [{ on: 'TOPIC' }],
    [{ on: ['CALL'] }],
    [{ on: ['TOPIC', 1] }],
    [{ on: ['TOPIC'], topic: 'a.#.b' }],
    [{ on: ['TOPIC'], topic: 5 }],
    [{ on: ['TOPIC'], sender: 'a b' }],
    [{ on: ['TOPIC'], where: '(' }],
    [{ on: ['TOPIC'], where: 'x'.repeat(LIMITS.expressionCharacters + 1) }],
    [{ on: ['TOPIC'], other: 1 }],
  ])('does not match %j', (match) => {
    expect(() => rule({ match })).toThrow(bad);
  });

  const targets = (count: number): string[] => Array.from({ length: count }, (_, n) => `t${n}`);
  it.each<[unknown, RuleAction | object]>([
    [{ drop: true }, { drop: true }],
    [{ transform: 'x' }, { transform: 'x' }],
    [{ transform: { content: 'x' } }, { transform: { content: 'x' } }],
    [{ transform: { payload: 'y' } }, { transform: { payload: 'y' } }],
    [{ transform: { content: 'x', payload: 'y' } }, { transform: { content: 'x', payload: 'y' } }],
    [{ forward: { topics: ['b', 'b'] } }, { forward: { topics: ['b'], users: [] } }],
    [{ copy: { users: ['bob', 'bob'] } }, { copy: { topics: [], users: ['bob'] } }],
    [
      { copy: { topics: targets(LIMITS.targetsPerRule) } },
      { copy: { topics: targets(LIMITS.targetsPerRule), users: [] } },
    ],
  ])('does %j', (action, expected) => {
    expect(rule({ action }).action).toEqual(expected);
  });

  it.each<[unknown]>([
    [null],
    [{}],
    [{ drop: false }],
    [{ drop: true, copy: { users: ['bob'] } }],
    [{ transform: '(' }],
    [{ transform: {} }],
    [{ transform: { content: '(' } }],
    [{ transform: { payload: 5 } }],
    [{ forward: {} }],
    [{ forward: { topics: ['b'], users: ['bob'] } }],
    [{ forward: { topics: [] } }],
    [{ forward: { topics: ['a.*'] } }],
    [{ copy: { users: ['a b'] } }],
    [{ copy: { topics: targets(LIMITS.targetsPerRule + 1) } }],
    [{ call: true }],
  ])('does not %j', (action) => {
    expect(() => rule({ action })).toThrow(bad);
  });

  it('its other fields are checked, too', () => {
    for (const change of [{ name: ' ' }, { id: 'a b' }, { priority: 0.5 }, { priority: 2 ** 53 }])
      expect(() => rule(change)).toThrow(bad);
  });

  it('a sample is a publication of the viewer, unless it says otherwise', () => {
    expect(sampleOf({}, viewer)).toEqual({ kind: 'TOPIC', topic: '', payload: null, content: '', sender: alice });
    const given = { kind: 'ROOM', topic: 't', payload: 0, content: 'c', sender: 'bob' };
    expect(sampleOf(given, viewer)).toEqual(given);
    expect(sampleOf({ kind: 'CALL' }, viewer).kind).toBe('TOPIC');
    for (const sample of [null, { other: 1 }, { topic: 1 }, { content: 1 }, { sender: 'a b' }])
      expect(() => sampleOf(sample, viewer)).toThrow(bad);
  });
});

describe('a routing rule and a message', () => {
  const message: Routable = { kind: 'TOPIC', topic: 'orders.1', sender: alice, content: '', payload: { n: 1 } };
  const rule = (
    action: RuleAction,
    match: Partial<RuleMatch> = {},
    more: Partial<RoutingRuleRecord> = {},
  ): RoutingRuleRecord => ({
    id: 'r' as RoutingRuleId,
    name: 'A rule',
    enabled: true,
    priority: 0,
    match: { ...ALL, ...match },
    action,
    onFault: 'PASS',
    updatedAt: 0,
    updatedBy: alice,
    ...more,
  });
  const DROP: RuleAction = { drop: true };
  const COPY: RuleAction = { copy: { topics: [], users: [bob] } };

  it.each<[Partial<RuleMatch>, boolean]>([
    [{}, true],
    [{ on: ['DIRECT', 'ROOM'] }, false],
    [{ topic: 'orders.*' }, true],
    [{ topic: 'news.#' }, false],
    [{ sender: alice }, true],
    [{ sender: bob }, false],
    [{ where: 'false' }, true],
  ])('%j looks at it: %s', (match, looks) => {
    expect(looksAt(rule(DROP, match), message)).toBe(looks);
  });

  it('only a copy that passes on a fault leaves a message as it is', () => {
    const forward: RuleAction = { forward: { topics: [], users: [bob] } };
    for (const action of [DROP, forward, { transform: 'x' }]) expect(mayDivert(rule(action))).toBe(true);
    expect(mayDivert(rule(COPY))).toBe(false);
    expect(mayDivert(rule(COPY, {}, { onFault: 'REFUSE' }))).toBe(true);
  });

  /** Runs a rule whose expressions give these values; returns what they were given, too. */
  const run = async (
    action: RuleAction,
    given: Partial<Routable> = {},
    values: Record<string, unknown> = {},
    where = '',
  ) => {
    const inputs: unknown[] = [];
    const evaluate = async (source: string, input: unknown): Promise<unknown> => {
      inputs.push(input);
      return values[source];
    };
    const verdict = await apply(rule(action, where ? { where } : {}), { ...message, ...given }, 1_000, evaluate);
    return { verdict, inputs };
  };

  it('an expression is given the message and the time', async () => {
    const { verdict, inputs } = await run(
      DROP,
      { content: 'hi', sender: 'carol' as UserId, kind: 'ROOM' },
      { w: true },
      'w',
    );
    expect(verdict.outcome).toBe('DROP');
    const timestamp = new Date(1_000).toISOString();
    expect(inputs).toEqual([
      { kind: 'ROOM', topic: 'orders.1', payload: { n: 1 }, content: 'hi', sender: 'carol', timestamp },
    ]);
  });

  it.each<[unknown, string]>([
    [true, 'DROP'],
    [1, 'DROP'],
    ['x', 'DROP'],
    [{ a: 1 }, 'DROP'],
    [[false, true], 'DROP'],
    [undefined, 'PASS'],
    [null, 'PASS'],
    [0, 'PASS'],
    ['', 'PASS'],
    [{}, 'PASS'],
    [[], 'PASS'],
    [[0, {}], 'PASS'],
  ])('where gives %j: %s', async (value, outcome) => {
    expect((await run(DROP, {}, { w: value }, 'w')).verdict).toMatchObject({
      outcome,
      content: '',
      payload: { n: 1 },
      fault: null,
    });
  });

  it('targets are those of the action', async () => {
    const targets = { topics: [], users: [bob] };
    expect((await run({ forward: targets })).verdict).toMatchObject({ outcome: 'FORWARD', targets });
    expect((await run({ copy: targets })).verdict).toMatchObject({ outcome: 'COPY', targets, payload: { n: 1 } });
    expect((await run(DROP)).verdict.targets).toEqual({ topics: [], users: [] });
  });

  it.each<[string, RuleAction, Partial<Routable>, object]>([
    ['the payload', { transform: 'p' }, {}, { content: '', payload: 'new' }],
    [
      'the payload of a message',
      { transform: 'p' },
      { kind: 'ROOM', content: 'hi' },
      { content: 'hi', payload: 'new' },
    ],
    [
      'the text',
      { transform: { content: 'c' } },
      { kind: 'ROOM', content: 'hi' },
      { content: 'text', payload: { n: 1 } },
    ],
    [
      'payload only',
      { transform: { payload: 'p' } },
      { kind: 'ROOM', content: 'hi' },
      { content: 'hi', payload: 'new' },
    ],
    ['both', { transform: { content: 'c', payload: 'p' } }, { kind: 'ROOM' }, { content: 'text', payload: 'new' }],
    ['a publication', { transform: { content: 'c', payload: 'p' } }, {}, { content: '', payload: 'new' }],
    ['a publication’s text', { transform: { content: 'c' } }, {}, { content: '', payload: { n: 1 } }],
    [
      'a streamed text',
      { transform: { content: 'long' } },
      { kind: 'ROOM', isWritten: true },
      { content: 'x'.repeat(9_000), payload: { n: 1 } },
    ],
  ])('a transform replaces %s', async (_name, action, given, said) => {
    const { verdict } = await run(action, given, { p: 'new', c: 'text', long: 'x'.repeat(9_000) });
    expect(verdict).toMatchObject({ outcome: 'TRANSFORM', ...said, fault: null });
  });

  it.each<[string, RuleAction, Partial<Routable>]>([
    ['no payload', { transform: 'nothing' }, {}],
    ['null', { transform: 'null' }, {}],
    ['null as payload of a publication', { transform: { payload: 'null' } }, {}],
    ['nothing as payload', { transform: { payload: 'nothing' } }, { kind: 'ROOM' }],
    ['no text', { transform: { content: 'number' } }, { kind: 'ROOM' }],
    ['a text that is too long', { transform: { content: 'long' } }, { kind: 'ROOM' }],
    ['a payload that is too large', { transform: 'large' }, {}],
    ['an empty message', { transform: { content: 'empty', payload: 'null' } }, { kind: 'ROOM' }],
  ])('a transform that gives %s fails', async (_name, action, given) => {
    const values = {
      null: null,
      number: 5,
      long: 'x'.repeat(9_000),
      large: 'x'.repeat(LIMITS.payloadBytes),
      empty: '',
    };
    await expect(run(action, given, values)).rejects.toThrow();
  });
});
