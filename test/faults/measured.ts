/** Figures of a fault for docs/faults.md, written to the file of `FAULTS_NOTES`, or nowhere without it. */
import { appendFileSync } from 'node:fs';

export function measured(id: string, figures: string): void {
  const path = process.env['FAULTS_NOTES'];
  if (path) appendFileSync(path, `${JSON.stringify({ id, figures })}\n`);
}
