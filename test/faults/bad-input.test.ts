/** One process gets every bad input, again and again, and keeps serving. `bad-inputs.ts` is the list. */
import { setTimeout as wait } from 'node:timers/promises';
import { signToken } from '../../src/access/tokens.ts';
import { AUDIENCE, ISSUER, type Issuer, startIssuer } from '../access/issuer.ts';
import { startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { type Heap, INSPECTED, inspectHeap } from '../support/heap.ts';
import type { Program } from '../support/process.ts';
import { SECRET } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { FRAME_INPUTS } from './inputs/frames.ts';
import { FRAMING, STALLED } from './inputs/framing.ts';
import { GRAPHQL_WS } from './inputs/graphql-ws.ts';
import { HTTP } from './inputs/http.ts';
import { type BadInput, GATEWAY_SECRET, ORIGIN, type Target } from './inputs/input.ts';
import { MESSAGES } from './inputs/messages.ts';
import { OPERATIONS } from './inputs/operations.ts';
import { RAW } from './inputs/raw.ts';
import { tokens } from './inputs/tokens.ts';
import { post } from './load.ts';
import { IS_FULL, IS_WHOLE, TEST_MS } from './settings.ts';

const MIB = 1024 * 1024;
/** The smaller, the more of the time is collection: two thirds of it in 96. */
const HEAP_MIB = IS_FULL ? 96 : 192;
/** After the first, which is one test for each input; of every tenth input at the small size. */
const ROUNDS = IS_WHOLE ? 10 : IS_FULL ? 2 : 1;
const EACH = IS_FULL ? 1 : 10;
/** Inputs on their way at a time. */
const AT_ONCE = 4;
/** What is remembered of the users of all rounds, each seen once; a megabyte that a round leaves behind would be seen. */
const GROWTH_MIB = IS_FULL ? 16 : 8;
/** What the process may compute between an honest question and its answer: what else the machine does takes time, not this. */
const PROMPT_CPU_MS = 3_000;
const PACE_MS = 50;

const HOUR_S = 3_600;
const token: Target['token'] = (userId, { tenant, expiresAt } = {}) =>
  signToken({
    secret: SECRET,
    userId,
    tenant,
    issuer: ISSUER,
    audience: AUDIENCE,
    expiresAt: expiresAt ?? Math.floor(Date.now() / 1_000) + HOUR_S,
  });

describe('G13: no input ends the process or leaves an unhandled rejection', () => {
  let issuer: Issuer;
  let program: Program;
  let heap: Heap;
  let target: Target;
  beforeAll(async () => {
    issuer = await startIssuer();
    const router = await startCallbackRouter();
    const env = {
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_JWKS_URL: issuer.url,
      GATEWAY_SECRET,
      ALLOWED_ORIGINS: ORIGIN,
      CALLBACK_ALLOWED_URLS: `${router.url}/callback`,
      RATE_LIMIT_CONNECTIONS: '100000',
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB} ${INSPECTED}`,
    };
    const started = await startServiceProcess(env);
    program = started.program;
    heap = await inspectHeap(program);
    target = {
      url: started.url,
      wsUrl: `ws://${started.address}/graphql`,
      rawUrl: `ws://${started.address}/ws`,
      port: started.port,
      router,
      token,
    };
  });
  afterAll(async () => {
    heap.close();
    await program.stop('SIGKILL');
    issuer.close();
    await target.router.close();
  });

  const all: readonly BadInput[] = [
    ...HTTP,
    ...FRAMING,
    ...OPERATIONS,
    ...MESSAGES,
    ...GRAPHQL_WS,
    ...FRAME_INPUTS,
    ...RAW,
    ...tokens(() => issuer),
  ];
  const isRunning = (): boolean => program.process.exitCode === null && program.process.signalCode === null;
  const named = (inputs: readonly BadInput[]) => inputs.map((each) => [each.title, each] as const);

  it.each(named(all))('%s', async (_, { send, comes }) => {
    expect(await send(target)).toEqual(comes);
    expect(isRunning()).toBe(true);
  });

  (IS_FULL ? it : it.skip)(
    `unfinished inputs: ${STALLED.map(({ title }) => title).join('; ')}`,
    async () => {
      const outcomes = await Promise.all(STALLED.map(({ send }) => send(target)));
      expect(outcomes).toEqual(STALLED.map(({ comes }) => comes));
    },
    TEST_MS,
  );

  /** What is open now, by the metrics. */
  async function open(): Promise<number> {
    const text = await (await fetch(`${target.url}/metrics`)).text();
    const gauges = text.matchAll(/^realtime_(?:connections|subscriptions|queued_bytes)(?:\{[^}]*\})? (\d+)$/gm);
    return [...gauges].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  it(
    `${ROUNDS} rounds of ${IS_FULL ? 'all' : 'some'} inputs in ${HEAP_MIB} MiB leak nothing, and an honest client is served meanwhile`,
    async () => {
      const before = await heap.used();
      const some = all.filter((_, index) => index % EACH === 0);
      const todo = Array.from({ length: ROUNDS }, () => some).flat();
      const late: string[] = [];
      let isOver = false;
      const honest = (async () => {
        while (!isOver) {
          const before = await heap.cpuMs();
          const { data } = await post(target.url, await token('honest'), '{ viewer { id } }', {});
          expect(data.viewer.id).toBe('honest');
          const ms = Math.round((await heap.cpuMs()) - before);
          if (ms > PROMPT_CPU_MS) late.push(`${ms} ms, ${todo.length} before the end`);
          await wait(PACE_MS);
        }
      })();
      const work = async (): Promise<void> => {
        for (let next = todo.shift(); next; next = todo.shift())
          expect([next.title, await next.send(target)]).toEqual([next.title, next.comes]);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work)).finally(() => {
        isOver = true;
      });
      await honest;
      expect(late).toEqual([]);
      await eventually(async () => expect(await open()).toBe(0));
      expect((await heap.used()) - before).toBeLessThan(GROWTH_MIB * MIB);
    },
    TEST_MS,
  );

  it('afterwards the same process serves an honest client, and has logged no error', async () => {
    const { data } = await post(target.url, await token('honest'), '{ viewer { id status } }', {});
    expect(data.viewer.id).toBe('honest');
    expect(isRunning()).toBe(true);
    expect(program.output).not.toMatch(/unhandled|"level":(50|60)|unexpected fault/i);
    expect(program.output).not.toContain(SECRET);
  });
});
