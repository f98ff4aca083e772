/** docs/protocol.md: its close codes, their reasons and its guarantees are those of the code and of the tests. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { CLOSE_CODES, TOO_SLOW } from '../../src/errors.ts';

const ROOT = new URL('../../', import.meta.url);
const protocol = readFileSync(new URL('docs/protocol.md', ROOT), 'utf8');
const run = promisify(execFile);

describe('docs/protocol.md', () => {
  it('the close codes of docs/protocol.md match the code', () => {
    const codes = [...protocol.matchAll(/^\| (\d{4}) \|/gm)].map(([, code]) => Number(code));
    expect(codes.toSorted()).toEqual([...new Set<number>(Object.values(CLOSE_CODES))].toSorted());
  });

  it('docs/protocol.md has each reason with which a socket is closed with 1013', async () => {
    const rows = protocol.split('| reason of 1013 | meaning |\n| --- | --- |\n')[1]?.split('\n\n')[0] ?? '';
    const documented = rows.split('\n').flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)]);
    const { stdout } = await run('grep', ['-rhA1', 'TRY_AGAIN_LATER,', 'src'], { cwd: ROOT });
    const used = [...stdout.matchAll(/'([^']+)'/g)].map(([, reason = '']) => reason);
    expect(documented.map(([, reason]) => reason).sort()).toEqual([...new Set([...used, TOO_SLOW])].sort());
  });

  it('each guarantee of docs/protocol.md is named by a test of `npm test`', async () => {
    const promised = [...protocol.matchAll(/^\| (G\d\d) \|/gm)].map(([, id]) => id ?? '');
    const { quick } = (await import(`${ROOT}jest.config.js`)) as { readonly quick: readonly string[] };
    const titles = "^ *((it|describe)[^'`]*)?['`]G[0-9]{2}[:,]";
    const { stdout } = await run('grep', ['-rhoE', titles, 'test/contract', ...quick], { cwd: ROOT });
    const shown = new Set([...stdout.matchAll(/G\d\d/g)].map(([id]) => id));
    expect(promised.filter((id) => !shown.has(id))).toEqual([]);
  });

  it('each guarantee that the code or a test names is in docs/protocol.md', async () => {
    const promised = new Set([...protocol.matchAll(/^\| (G\d\d) \|/gm)].map(([, id]) => id));
    const { stdout } = await run('grep', ['-rhowE', 'G[0-9]{2}', 'src', 'test', 'client/src', 'scripts', 'docs'], {
      cwd: ROOT,
    });
    expect([...new Set(stdout.trim().split('\n'))].filter((id) => !promised.has(id))).toEqual([]);
  });
});
