/** The process in which expressions of routing rules are evaluated. The only file that knows jsonata, with expressions.ts. */
import { Worker } from 'node:worker_threads';
import jsonata from 'jsonata';
import { LRUCache } from 'lru-cache';
import { LIMITS, TIMES } from '../limits.ts';
import { capJson, capValues } from './value-caps.ts';

export interface Evaluation {
  readonly source: string;
  readonly input: unknown;
}

/** What came of an evaluation, and how long it ran. `OVERRUN`: it took more than its share of time or memory. */
export type Outcome =
  | { readonly outcome: 'VALUE'; readonly value: unknown; readonly ranMs: number }
  | { readonly outcome: 'FAULT' | 'OVERRUN'; readonly reason: string; readonly ranMs: number };

/** What jsonata calls running out of time. */
const TIMED_OUT = 'D1012';

const compiled = new LRUCache<string, jsonata.Expression>({ max: LIMITS.compiledExpressions });

function compile(source: string): jsonata.Expression {
  // Its own time limit is looked at between steps; a single step that hangs is ended with the process.
  const limits = { timeout: TIMES.expressionStepsMs, stack: LIMITS.expressionDepth, sequence: LIMITS.expressionSteps };
  const expression = jsonata(source, limits);
  capValues(expression);
  compiled.set(source, expression);
  return expression;
}

/** @throws {Error} for an expression that fails, or takes too many steps. */
async function resultOf({ source, input }: Evaluation): Promise<unknown> {
  const expression = compiled.get(source) ?? compile(source);
  let steps = 0;
  expression.assign(Symbol.for('jsonata.__evaluate_entry') as unknown as string, () => {
    steps += 1;
    if (steps > LIMITS.expressionSteps) throw new Error(`More than ${LIMITS.expressionSteps} steps.`);
  });
  // As JSON: functions and what else cannot leave this process is nothing.
  const json = JSON.stringify(await expression.evaluate(input));
  if (json === undefined) return undefined;
  // It crosses to the service, which reads it in one go.
  if (json.length > LIMITS.expressionResultCharacters) throw new Error('The result is too large.');
  return JSON.parse(json);
}

async function evaluate(evaluation: Evaluation): Promise<Outcome> {
  const begunAt = performance.now();
  const ranMs = (): number => performance.now() - begunAt;
  try {
    return { outcome: 'VALUE', value: await resultOf(evaluation), ranMs: ranMs() };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    return { outcome: code === TIMED_OUT ? 'OVERRUN' : 'FAULT', reason: message ?? 'It failed.', ranMs: ranMs() };
  }
}

/** An expression may hang while the service is killed: nobody would be left to end this process. */
const ORPHANED = `const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 1_000);`;
new Worker(ORPHANED, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();

capJson();
process.on('message', async (evaluation: Evaluation) => process.send?.(await evaluate(evaluation)));
process.on('disconnect', () => process.exit());
process.send?.('ready');
