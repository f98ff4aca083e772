/** Writes what became of each test to the file MUTANT_OUTCOMES, and marks a mutant that a test noticed. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, Test, TestResult } from '@jest/reporters';
import { noticedMark, type Outcome, type Trial } from './trials.ts';

export default class OutcomeReporter implements Pick<Reporter, 'onTestResult'> {
  onTestResult({ path, context }: Test, { testResults, numFailingTests, failureMessage }: TestResult): void {
    const trial = existsSync(`${path}.json`) ? (JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Trial) : undefined;
    const tests = testResults
      .filter(({ status }) => status === 'passed' || status === 'failed')
      .map(({ fullName: name, status, duration }) => ({ name, passed: status === 'passed', ms: duration ?? 0 }));
    if (failureMessage && numFailingTests === 0) tests.push({ name: '', passed: false, ms: 0 });
    const file = trial?.file ?? relative(context.config.rootDir, path);
    const outcome: Outcome = { file, tests, ...(trial ? { mutant: trial.mutant } : {}) };
    appendFileSync(process.env['MUTANT_OUTCOMES'] ?? '', `${JSON.stringify(outcome)}\n`);
    if (trial?.mutant && tests.some(({ passed }) => !passed))
      writeFileSync(noticedMark(context.config.rootDir, trial), '');
  }
}
