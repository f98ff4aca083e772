/** Bounds a wait: what never answers must not stop the rest. */
import { Overdue } from './errors.ts';

/** Rejects with `Overdue` if there is no answer in time. */
export const within = <Value>(ms: number, answer: Promise<Value>): Promise<Value> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Overdue('No answer.')), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
