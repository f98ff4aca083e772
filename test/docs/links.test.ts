/** The targets of documents exist: files, headings, tests, npm scripts, figures of the benchmark. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kind, parse, validate } from 'graphql';
import { sidebarOf, slugOf } from '../../docs/.vitepress/pages.ts';
import { benchmarkDate, benchmarkRows, sizingRows } from '../../scripts/tables.ts';
import { createSchema } from '../../src/graphql/schema.ts';

const schema = createSchema();
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const documents = globSync('{*.md,docs/**/*.md,deploy/**/*.md,examples/**/*.md,bench/*.md,schema/**/*.md}', {
  cwd: ROOT,
  exclude: (name) => name.includes('node_modules'),
}).sort();
const sources = globSync('{src,test,scripts,client/src,console/src,deploy,examples,bench}/**/*.{ts,lua}', {
  cwd: ROOT,
  exclude: (name) => name.includes('node_modules'),
});
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** A document without its blocks of code. */
const prose = (file: string): string => read(file).replaceAll(/^```[\s\S]*?^```/gm, '');

/** The anchors of a document's headings, as GitHub makes them; a repeated one is numbered. */
function anchorsOf(file: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose(file).matchAll(/^#+ +(.*)$/gm)) {
    const slug = slugOf(heading);
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** The file a link leads to; null when there is none. */
function targetOf(file: string, path: string): string | null {
  const target = path === '' ? file : join(dirname(file), decodeURIComponent(path));
  return existsSync(join(ROOT, target)) && resolve(ROOT, target).startsWith(ROOT) ? target : null;
}

function isBroken(file: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return !(URL.canParse(link) && link.startsWith('https://'));
  const [path = '', anchor] = link.split('#');
  const target = targetOf(file, path);
  if (target === null) return true;
  return anchor !== undefined && (statSync(join(ROOT, target)).isDirectory() || !anchorsOf(target).has(anchor));
}

describe('documents', () => {
  it('are found by this test', () => {
    for (const known of ['README.md', 'SECURITY.md', 'docs/architecture.md', 'deploy/gateways/README.md'])
      expect(documents).toContain(known);
  });

  it('are all in the README’s table of documents, which is the sidebar of the site', () => {
    const links = sidebarOf(read('README.md'), documents).flatMap(({ items }) => items.map(({ link }) => link));
    const listed = links.map((link) => (link === '/' ? 'README.md' : link.slice(1).replace(/index\.md$/, 'README.md')));
    expect(documents.filter((file) => !file.startsWith('examples/') && !listed.includes(file))).toEqual([]);
  });

  it.each(documents)('%s: its links have targets', (file) => {
    const text = prose(file);
    const links = [
      ...text.matchAll(/\]\(([^)\s]+)[^)]*\)/g),
      ...text.matchAll(/^\[[^\]]+\]: *(\S+)/gm),
      ...text.matchAll(/(?:href|src)="([^"]+)"/g),
    ].map(([, link = '']) => link);
    expect(links.filter((link) => isBroken(file, link))).toEqual([]);
  });

  it.each(documents)('%s: the files and npm scripts it names exist', (file) => {
    const text = read(file);
    const rooms = 'src|test|docs|schema|scripts|deploy|examples|bench|\\.ci';
    const paths = [...text.matchAll(new RegExp(`\`((?:${rooms})/[\\w./-]*)\``, 'g'))].map(([, path = '']) => path);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    const ends = [...text.matchAll(/`((?:[\w-]+\/)*[\w.-]+\.(?:ts|lua))`/g)].map(([, end = '']) => `/${end}`);
    expect(ends.filter((end) => !sources.some((source) => `/${source}`.endsWith(end)))).toEqual([]);
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run (?:--silent |-s )?([a-z][a-z:-]*)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it('code blocks name their language, and runnable ones are only in pages whose blocks are run', () => {
    // By `readme.test.ts` and `back-ends.test.ts`.
    const run = new Set(['README.md', 'docs/back-ends.md', 'docs/first-requests.md']);
    const others: string[] = [];
    for (const file of documents) {
      for (const [, language = ''] of read(file).matchAll(/^```(.*)\n[\s\S]*?^```$/gm)) {
        if (language === '') others.push(`${file}: a block without a language`);
        if (['sh', 'bash', 'js'].includes(language) && !run.has(file)) others.push(`${file}: ${language}`);
      }
    }
    expect(others).toEqual([]);
  });

  it('operations are valid against the schema, and are in no block of another language', () => {
    const faults: string[] = [];
    for (const file of documents) {
      for (const [, language = '', text = ''] of read(file).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)) {
        if (language === 'text' && /^(?:query|mutation|subscription)\b/m.test(text)) faults.push(`${file}: ${text}`);
        if (language !== 'graphql') continue;
        for (const operation of parse(text).definitions) {
          const document = { kind: Kind.DOCUMENT, definitions: [operation] } as const;
          faults.push(...validate(schema, document).map(({ message }) => `${file}: ${message}`));
        }
      }
    }
    expect(faults).toEqual([]);
  });

  it('the lines of the log that docs/operations.md names are lines of the code', () => {
    const [, rows = ''] = /\| `msg` \| when \|\n\| --- \| --- \|\n((?:\|.*\n)+)/.exec(read('docs/operations.md')) ?? [];
    const cells = rows.split('\n').map((row) => (row.split(' | ')[0] ?? '').replaceAll(/\([^)]*\)/g, ''));
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, line = '']) => line));
    expect(named.length).toBeGreaterThan(10);
    const code = sources
      .filter((name) => name.startsWith('src/'))
      .map(read)
      .join('\n');
    expect(named.filter((line) => !code.includes(`'${line}'`))).toEqual([]);
  });

  it('the sizes of the page on sizing span both runs of the benchmark', () => {
    const table = (workload: string, column: string, cell: string): string =>
      `## ${workload}. x\n\n| server | ${column} |\n| --- | ---: |\n| this service, Redis | ${cell} |\n`;
    const rows = sizingRows(
      table('a', 'total µs', '10.42 / 9.50') +
        table('b', 'total µs', '– / 1.08') +
        table('d', 'KiB per socket', '14.1 / 13.7') +
        table('e', 'total µs', '1,025 / 391'),
    );
    expect(rows[0]).toContain('| 13.7 to 14.1 KiB |');
    expect(rows[1]).toContain('| 1.08 to 10.42 µs |');
    expect(rows[2]).toContain('| 391 to 1025 µs |');
  });

  it('the figures of the README and of the page on sizing are those of bench/RESULTS.md', () => {
    const results = read('bench/RESULTS.md');
    const rows = read('README.md').split('\n');
    const head = rows.findIndex((line) => line.startsWith('| server |'));
    expect(rows.slice(head + 2, rows.indexOf('', head))).toEqual(benchmarkRows(results));
    expect(benchmarkRows(results).length).toBeGreaterThan(3);
    expect(read('README.md')).toContain(`Measured on ${benchmarkDate(results)} `);
    const sizing = read('docs/sizing.md');
    expect(sizing).toContain(`Figures of \`bench/RESULTS.md\`, ${benchmarkDate(results)},`);
    expect(sizing).toContain(`\n| --- | --- | --- |\n${sizingRows(results).join('\n')}\n`);
  });
});
