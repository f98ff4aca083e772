/** The environment of a test file of a mutation run: it turns its mutant on, and runs the chosen tests up to the first that fails. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { EnvironmentContext, JestEnvironmentConfig } from '@jest/environment';
import type { Circus } from '@jest/types';
import FileEnvironment from '../../test/jest/environment.ts';
import { type SignOfLife, signPath, type Trial } from './trials.ts';

export default class MutantEnvironment extends FileEnvironment {
  readonly #trial: Trial | undefined;
  readonly #sign: string;
  #hasFailed = false;

  constructor(config: JestEnvironmentConfig, context: EnvironmentContext) {
    const trial = `${context.testPath}.json`;
    const read = existsSync(trial) ? (JSON.parse(readFileSync(trial, 'utf8')) as Trial) : undefined;
    // The file is given a copy of the environment, and so are the programs it starts.
    process.env['MUTANT'] = read?.mutant ?? '';
    process.env['MUTANT_TEST_FILE'] = relative(config.projectConfig.rootDir, context.testPath);
    super(config, context);
    this.#trial = read;
    this.#sign = signPath(config.projectConfig.rootDir, process.pid);
    this.#signLife();
  }

  override async handleTestEvent(event: Circus.AsyncEvent, state: Circus.State): Promise<void> {
    if (event.name === 'test_start') {
      this.#signLife();
      const name = nameOf(event.test);
      this.global['testOfMutants'] = name;
      if (this.#trial && (this.#hasFailed || !this.#trial.tests.includes(name))) event.test.mode = 'skip';
    }
    if (event.name === 'test_done') {
      this.global['testOfMutants'] = '';
      this.#hasFailed ||= Boolean(this.#trial?.mutant) && event.test.errors.length > 0;
    }
    await super.handleTestEvent(event, state);
  }

  override async teardown(): Promise<void> {
    await super.teardown();
    rmSync(this.#sign, { force: true });
  }

  #signLife(): void {
    if (!this.#trial) return;
    const { user, system } = process.cpuUsage();
    const sign: SignOfLife = { trial: this.#trial, cpuSeconds: (user + system) / 1e6 };
    writeFileSync(this.#sign, JSON.stringify(sign));
  }
}

/** As Jest reports it: the titles of the blocks around a test, then its own. */
function nameOf({ name, parent }: Circus.TestEntry): string {
  const titles = [name];
  for (let block: Circus.DescribeBlock | undefined = parent; block?.parent; block = block.parent)
    titles.unshift(block.name);
  return titles.join(' ');
}
