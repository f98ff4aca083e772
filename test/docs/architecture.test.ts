/** docs/architecture.md: its folders, libraries and shared files are those that `.dependency-cruiser.cjs` enforces. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');
const page = read('docs/architecture.md');
const rules = read('.dependency-cruiser.cjs');

/** The cells of the rows under a table's head. */
function rowsUnder(head: string): string[][] {
  const [, , ...lines] = page.slice(page.indexOf(head)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(0, end).map((line) => line.slice(2, -2).split(' | '));
}
const codeIn = (text = ''): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

const EXPORTED = /^export (?:declare |abstract |async )*(?:type|interface|class|const|let|function\*?|enum) (\w+)/gm;
/** Also those of one file. */
const TYPES = /^(?:declare |abstract )*(?:type|interface|class|enum) (\w+)/gm;

describe('docs/architecture.md', () => {
  it('names every folder of src, and each has a rule', () => {
    const entries = readdirSync(new URL('src', ROOT), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(folders.filter((folder) => !page.includes(`\`src/${folder}/`))).toEqual([]);
    expect(folders.filter((folder) => !new RegExp(`folder\\(\\s*'${folder}'`).test(rules))).toEqual([]);
  });

  it('names every file at the root of src', () => {
    const map = rowsUnder('| where | what |').map(([where]) => where);
    const text = `${map.join(' ')} ${page}`;
    const files = readdirSync(new URL('src', ROOT)).filter((name) => name.endsWith('.ts'));
    expect(files.filter((file) => !new RegExp(`\`(?:src/)?${file}\``).test(text))).toEqual([]);
  });

  it('names the shared files that every folder may import', () => {
    const [, named = ''] = /^all may import: (.*)$/m.exec(page) ?? [];
    const [, enforced = ''] = /'\^src\/\(\(([\w|-]+)\)/.exec(rules) ?? [];
    expect(named.split(', ').sort()).toEqual(enforced.split('|').sort());
  });

  it('names the libraries that only some folders may import, as the rules have them', () => {
    const enforced = [...rules.matchAll(/home\('([^']+)'((?:, '[^']+')+)\)/g)].map(([, library, places = '']) => [
      library,
      [...places.matchAll(/\^src\/([\w/.\\-]+?)\/?(?:\$)?'/g)]
        .map(([, place = '']) => place.replaceAll('\\', ''))
        .sort(),
    ]);
    const named = rowsUnder('| library | imported by |').flatMap(([libraries, places]) =>
      codeIn(libraries).map((library) => [library, codeIn(places).sort()] as const),
    );
    // Code that is generated imports types of graphql; a rule has `sqlite` beside `node:sqlite`.
    const relevant = enforced
      .filter(([library]) => library !== 'sqlite')
      .map(([library, places]) => [library, (places as string[]).filter((place) => place !== '__generated__')]);
    expect(Object.fromEntries(named)).toEqual(Object.fromEntries(relevant));
  });

  it('has a glossary of at most 25 terms', () => {
    const terms = rowsUnder('| term | meaning |');
    expect(terms.length).toBeGreaterThan(15);
    expect(terms.length).toBeLessThanOrEqual(25);
  });

  it('one name means one thing: no exported name is declared in two files', () => {
    const files = readdirSync(new URL('src', ROOT), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const homes = new Map<string, Set<string>>();
    for (const file of files) {
      // Generated code has the names of the schema, and so have the resolvers.
      if (/^(__generated__|graphql\/resolvers)\//.test(file)) continue;
      for (const [, name = ''] of read(`src/${file}`).matchAll(EXPORTED)) {
        // What creates a noun has one name in every layer.
        if (name.startsWith('create')) continue;
        // The engines may not import each other, and name the parts of a noun alike.
        const home = file.replace(/^engine\/(embedded|redis)\/.*/, 'an engine');
        homes.set(name, (homes.get(name) ?? new Set()).add(home === 'an engine' ? home : file));
      }
    }
    expect(homes.size).toBeGreaterThan(1_000);
    expect([...homes].filter(([, { size }]) => size > 1).map(([name, found]) => [name, ...found])).toEqual([]);
  });

  it.each([
    ['client', 100],
    ['console', 20],
  ])('%s/src: no exported name, and no type, is declared in two files', (part, least) => {
    const folder = `${part}/src`;
    const homes = new Map<string, Set<string>>();
    for (const file of readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })) {
      if (!/\.tsx?$/.test(file)) continue;
      const text = read(`${folder}/${file}`);
      for (const [, name = ''] of [...text.matchAll(EXPORTED), ...text.matchAll(TYPES)])
        homes.set(name, (homes.get(name) ?? new Set()).add(file));
    }
    expect(homes.size).toBeGreaterThan(least);
    expect([...homes].filter(([, { size }]) => size > 1).map(([name, found]) => [name, ...found])).toEqual([]);
  });

  it('the table of questions names files that exist', () => {
    const named = rowsUnder('| question | answer |').flatMap(([, answer]) => codeIn(answer));
    const paths = named.filter((code) => /^(?:src|client|test)\/[\w/.-]+$/.test(code));
    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([]);
  });
});
