/** docs/security.md names, for each threat, the construction that closes it and the tests that try it. */
import { existsSync, globSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/security.md', ROOT), 'utf8');

/** The cells of the rows under a table's head. */
function rowsOf(head: string): string[][] {
  const [, ...lines] = page.slice(page.indexOf(head)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(1, end).map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '')));
}

const filesIn = (text = ''): string[] =>
  [...text.matchAll(/`((?:src|client|test|examples)\/[\w/.-]+\.ts)`/g)].map(([, file = '']) => file);
const isMissing = (file: string): boolean => !existsSync(new URL(file, ROOT));

describe('docs/security.md', () => {
  const threats = rowsOf('| threat | construction | tests |');

  it('has the table of threats', () => expect(threats.length).toBeGreaterThan(50));

  it.each(threats)('%s', (_threat, construction, tests) => {
    const sources = filesIn(construction).filter((file) => !file.startsWith('test/'));
    const tried = filesIn(tests).filter((file) => file.startsWith('test/'));
    expect([sources.length > 0, tried.length > 0]).toEqual([true, true]);
    expect([...sources, ...tried].filter(isMissing)).toEqual([]);
  });

  it('each limit names a test that exists', () => {
    for (const [limit, , tests] of rowsOf('| limit | binds | tests |')) {
      expect([limit, filesIn(tests).length > 0, filesIn(tests).filter(isMissing)]).toEqual([limit, true, []]);
    }
  });

  it('names every test file of test/security', () => {
    const tests = globSync('test/security/*.test.ts', { cwd: ROOT });
    expect(tests.filter((file) => !page.includes(`\`${file}\``))).toEqual([]);
  });
});
