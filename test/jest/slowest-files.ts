/** At the end of a run: the ten files that took longest. */
import { relative } from 'node:path';
import type { AggregatedResult, Reporter, Test, TestResult } from '@jest/reporters';

const SHOWN = 10;
/** Of fewer files everyone sees how long they took. */
const FEW = 5;

export default class SlowestFiles implements Pick<Reporter, 'onTestResult' | 'onRunComplete'> {
  readonly #files: { readonly name: string; readonly seconds: number }[] = [];

  onTestResult({ path, context }: Test, { perfStats }: TestResult): void {
    const { rootDir, displayName } = context.config;
    const project = displayName?.name ?? '';
    this.#files.push({ name: `${project} ${relative(rootDir, path)}`, seconds: perfStats.runtime / 1_000 });
  }

  onRunComplete(_: unknown, { startTime }: AggregatedResult): void {
    if (this.#files.length <= FEW) return;
    const slowest = this.#files.sort((a, b) => b.seconds - a.seconds).slice(0, SHOWN);
    const lines = slowest.map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
    const all = (Date.now() - startTime) / 1_000;
    process.stderr.write(
      `\nThe slowest of ${this.#files.length} files, ${all.toFixed(0)} s in all:\n${lines.join('\n')}\n`,
    );
  }
}
