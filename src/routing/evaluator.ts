/** The thread in which expressions of routing rules are evaluated. The only file that knows jsonata, with expressions.ts. */
import jsonata from 'jsonata';
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../limits.ts';

export interface Evaluation {
  readonly source: string;
  readonly input: unknown;
}

const compiled = new LRUCache<string, jsonata.Expression>({ max: LIMITS.routedTenants });

function compile(source: string): jsonata.Expression {
  // Its own time limit is looked at between steps; a single step that hangs is the caller's to end.
  const limits = { timeout: 250, stack: LIMITS.expressionDepth, sequence: LIMITS.expressionSteps };
  const expression = jsonata(source, limits);
  compiled.set(source, expression);
  return expression;
}

/** @throws {Error} for an expression that fails, or takes too many steps. */
export default async function evaluate({ source, input }: Evaluation): Promise<unknown> {
  const expression = compiled.get(source) ?? compile(source);
  let steps = 0;
  expression.assign(Symbol.for('jsonata.__evaluate_entry') as unknown as string, () => {
    steps += 1;
    if (steps > LIMITS.expressionSteps) throw new Error(`More than ${LIMITS.expressionSteps} steps.`);
  });
  const result = await expression.evaluate(input);
  // As JSON: functions and what else cannot leave this thread is nothing.
  return result === undefined ? undefined : JSON.parse(JSON.stringify(result) ?? 'null');
}
