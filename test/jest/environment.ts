/** The environment of a test file: a folder for temporary files, and a check for leftovers, which fails the file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvironmentContext, JestEnvironmentConfig } from '@jest/environment';
import type { Circus } from '@jest/types';
import { TestEnvironment as NodeEnvironment } from 'jest-environment-node';
import { keepCompiled } from './compiled.ts';
import { handles, type Left, lookAround } from './left-behind.ts';
import { collectBefore, collectBetweenTests, overMemory, retireIfLarge } from './memory.ts';
import { endObservers, watchObservers } from './observers.ts';

/** What was closed is gone a moment later. */
const GOING_MS = 5_000;
const LOOK_AGAIN_MS = 20;

keepCompiled();
watchObservers();

export default class FileEnvironment extends NodeEnvironment {
  readonly #dir: string;
  readonly #tmp: string | undefined;
  readonly #before: ReadonlySet<object>;

  constructor(config: JestEnvironmentConfig, context: EnvironmentContext) {
    collectBefore();
    const tmp = process.env['TMPDIR'];
    const dir = mkdtempSync(join(tmpdir(), 'realtime-test-'));
    // The file is given a copy of the environment, and so are the programs it starts: they are known by this folder.
    process.env['TMPDIR'] = dir;
    super(config, context);
    this.#dir = dir;
    this.#tmp = tmp;
    // These come to be when they are first written to, such as by a warning: they are nothing that a file opens.
    void [process.stdout, process.stderr];
    this.#before = new Set(handles());
  }

  async handleTestEvent(event: Circus.AsyncEvent, state: Circus.State): Promise<void> {
    if (event.name === 'test_done') {
      endObservers();
      collectBetweenTests();
    }
    if (event.name !== 'run_finish') return;
    const left = await this.#leftBehind();
    // A test that failed did not come to close what it opened: that is no news, and would hide why it failed.
    const told = [...(hasFailed(state) ? [] : left), ...overMemory()];
    for (const message of told) state.unhandledErrors.push(withoutStack(message));
  }

  override async teardown(): Promise<void> {
    if (this.#tmp === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = this.#tmp;
    endObservers();
    rmSync(this.#dir, { recursive: true, force: true });
    await super.teardown();
    retireIfLarge();
  }

  async #leftBehind(): Promise<string[]> {
    const end = performance.now() + GOING_MS;
    const look = (): Left[] => lookAround({ before: this.#before, dir: this.#dir, clocks: this.global['testClocks'] });
    let left = look();
    while (left.length > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      left = look();
    }
    // The next file of this worker, and the end of Jest, do not wait for it.
    for (const { end: endIt } of left) endIt();
    return left.map(({ what }) => `This file left behind ${what}.`);
  }
}

/** A test did, or what is done before or after tests. */
function hasFailed({ rootDescribeBlock, unhandledErrors }: Circus.State): boolean {
  const inBlock = ({ children }: Circus.DescribeBlock): boolean =>
    children.some((child) => (child.type === 'test' ? child.errors.length > 0 : inBlock(child)));
  return unhandledErrors.length > 0 || inBlock(rootDescribeBlock);
}

function withoutStack(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}
