/** Codes, reasons, guarantees and values of closed lists: docs/protocol.md, docs/upgrading.md and the client agree with the code. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { isPassing, refusal } from '../../client/src/errors.ts';
import { READ } from '../../src/engine/shared/closed.ts';
import { CLOSE_CODES, ERROR_CODES, TOO_SLOW } from '../../src/errors.ts';

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

/** What a client does before a retry that would fail again otherwise. Other errors pass by themselves, or with a new token. */
const NOT_BY_ITSELF: readonly string[] = ['no', 'after reading again', 'without the position'];

describe('the client', () => {
  it.each(Object.entries(ERROR_CODES))(
    'tries again by itself where the list of errors allows it: %s',
    (code, { retry }) => {
      expect(isPassing(refusal(code, ''))).toBe(!NOT_BY_ITSELF.includes(retry));
    },
  );
});

/** The readers of the values that a row of docs/upgrading.md is about. */
const READERS: Readonly<Record<string, readonly (keyof typeof READ)[]>> = {
  'role of a member': ['memberRole'],
  'right of a topic policy': ['topicRight'],
  'kind of a conversation': ['conversationKind'],
  'state of a message': ['messageState'],
  'status of a user': ['presenceStatus'],
  'transport of a device': ['connectionType'],
  'kind of messages in a routing rule': ['routedKind'],
  // No value of its own: an action has one of several forms.
  'action of a routing rule': [],
  '`onFault` of a routing rule': ['ruleFaultPolicy'],
  'outcome of a message that a rule diverted': ['fate'],
  'reason of a departure, change of a message': ['listEvent', 'messageChange'],
  'event type of a consumer': ['eventType'],
};

describe('docs/upgrading.md', () => {
  const page = readFileSync(new URL('docs/upgrading.md', ROOT), 'utf8');
  const table = page.split('| unknown value | read as |\n| --- | --- |\n')[1]?.split('\n\n')[0] ?? '';
  const rows = table.split('\n').map((line) => line.slice(2, -2).split(' | '));

  it('has a row for each value of a closed list', () => {
    expect(rows.map(([value]) => value).sort()).toEqual(Object.keys(READERS).sort());
    expect(Object.values(READERS).flat().sort()).toEqual(Object.keys(READ).sort());
  });

  it.each(rows)('says as what a node reads an unknown %s: %s', (value = '', documented = '') => {
    const [, as = null] = /^`(\w+)`/.exec(documented) ?? [];
    for (const name of READERS[value] ?? []) expect([name, READ[name]('OF_A_NEWER_VERSION')]).toEqual([name, as]);
  });
});
