/** The systemd unit runs the output of the build, and its limits fit those of the service. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VARIABLES } from '../../src/config/variables.ts';
import { readConfig } from '../../src/config.ts';
import { TIMES } from '../../src/limits.ts';
import { plainWithin, socketsWithin } from '../../src/open-files.ts';
import { silentLog } from '../support/world.ts';

const UNIT = new URL('../../deploy/systemd/realtime-communication.service', import.meta.url);
const text = readFileSync(UNIT, 'utf8');
const of = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
const environment = Object.fromEntries(
  of('Environment')
    .split(' ')
    .map((each) => each.split('=')),
);
const config = readConfig({ ...environment, JWT_SECRET: 'x'.repeat(32) });

describe('the systemd unit', () => {
  it('starts the output of the build, with known variables', () => {
    const [, source] = /node \S+ dist\/(\w+)\.js$/.exec(of('ExecStart')) ?? [];
    expect(existsSync(new URL(`../../src/${source}.ts`, import.meta.url))).toBe(true);
    for (const name of Object.keys(environment)) expect(VARIABLES).toHaveProperty(name);
    expect(config.isProduction).toBe(true);
    expect(config.dataDir).toBe(`/var/lib/${of('StateDirectory')}`);
  });

  it('G15: has a stop timeout longer than a drain, and a file descriptor for each socket', () => {
    const needed = config.drainWindowMs + 2 * TIMES.drainGraceMs + TIMES.terminateMs;
    expect(Number(of('TimeoutStopSec')) * 1_000).toBeGreaterThan(needed);
    const openFiles = Number(of('LimitNOFILE'));
    expect(socketsWithin(config.maxConnections, openFiles, silentLog)).toBe(config.maxConnections);
    expect(plainWithin(config.maxConnections, openFiles)).toBeGreaterThan(0);
  });

  it('is accepted by systemd, where that is installed', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', fileURLToPath(UNIT)], {
      encoding: 'utf8',
    });
    // Of the machine it runs on it says more than of the unit: only what names the unit counts.
    const said = (stderr ?? '').split('\n').filter((line) => line.includes('realtime-communication.service'));
    if (status !== null) expect(said.filter((line) => /Unknown|Failed to parse|invalid/i.test(line))).toEqual([]);
  });
});
