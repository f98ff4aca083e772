/** The process in which expressions of routing rules are evaluated. */
import { Worker } from 'node:worker_threads';
import jsonata from 'jsonata';
import { LRUCache } from 'lru-cache';
import { LIMITS, TIMES } from '../limits.ts';
import { capJson, capValues } from './value-caps.ts';

export interface Evaluation {
  readonly source: string;
  readonly input: unknown;
}

/** The result of an evaluation, and its running time. `OVERRUN`: it took more than its share of time or memory. */
export type Outcome =
  | { readonly outcome: 'VALUE'; readonly value: unknown; readonly ranMs: number }
  | { readonly outcome: 'FAULT' | 'OVERRUN'; readonly reason: string; readonly ranMs: number };

class OverrunError extends Error {}

const compiled = new LRUCache<string, jsonata.Expression>({ max: LIMITS.compiledExpressions });

function compile(source: string): jsonata.Expression {
  const limits = { stack: LIMITS.expressionDepth, sequence: LIMITS.expressionSteps };
  const expression = jsonata(source, limits);
  capValues(expression);
  compiled.set(source, expression);
  return expression;
}

/** CPU time of this process: on a busy machine, time given to other processes is not counted. */
function computedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** @throws {Error} for an expression that fails, or takes too many steps or too long. */
async function resultOf({ source, input }: Evaluation): Promise<unknown> {
  const expression = compiled.get(source) ?? compile(source);
  const endMs = computedMs() + TIMES.expressionStepsMs;
  let steps = 0;
  // Called between steps. A single step that hangs is ended by killing the process.
  expression.assign(Symbol.for('jsonata.__evaluate_entry') as unknown as string, () => {
    steps += 1;
    if (steps > LIMITS.expressionSteps)
      throw new Error(`The expression took more than ${LIMITS.expressionSteps} steps.`);
    if (computedMs() > endMs) throw new OverrunError(`The expression took longer than ${TIMES.expressionStepsMs} ms.`);
  });
  // As JSON, which drops functions and other values that JSON cannot represent.
  const json = JSON.stringify(await expression.evaluate(input));
  if (json === undefined) return undefined;
  // The service parses the result in one turn of its event loop.
  if (json.length > LIMITS.expressionResultCharacters) throw new Error('The result is too large.');
  return JSON.parse(json);
}

async function evaluate(evaluation: Evaluation): Promise<Outcome> {
  const begunAt = performance.now();
  const ranMs = (): number => performance.now() - begunAt;
  try {
    return { outcome: 'VALUE', value: await resultOf(evaluation), ranMs: ranMs() };
  } catch (error) {
    const { message } = error as { message?: string };
    const outcome = error instanceof OverrunError ? 'OVERRUN' : 'FAULT';
    return { outcome, reason: message ?? 'The expression failed.', ranMs: ranMs() };
  }
}

/** Ends this process when the service is killed, also while an expression hangs. */
const ORPHANED = `const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 1_000);`;
new Worker(ORPHANED, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();

capJson();
process.on('message', async (evaluation: Evaluation) => process.send?.(await evaluate(evaluation)));
process.on('disconnect', () => process.exit());
process.send?.('ready');
