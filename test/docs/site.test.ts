/** The site of the documents builds, has no dead link, and loads nothing from other hosts. */
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SITE = join(ROOT, 'docs/dist');

interface Page {
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly string[];
  /** Scripts, styles, fonts and pictures. */
  readonly loaded: readonly string[];
}

const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found = '']) => found);

function readPage(file: string): Page {
  const html = readFileSync(file, 'utf8');
  return {
    anchors: new Set(all(html, /\sid="([^"]+)"/g)),
    links: all(html, /<a\s[^>]*?href="([^"]+)"/g),
    loaded: [...all(html, /<link\s[^>]*?href="([^"]+)"/g), ...all(html, /\ssrc="([^"]+)"/g)],
  };
}

describe('the site of the documents', () => {
  const pages = new Map<string, Page>();
  const pageAt = (path: string): Page | undefined => pages.get(path.endsWith('/') ? `${path}index.html` : path);

  /** @param from the path of the page that has the link, from the root of the site */
  function isDead(from: string, link: string): boolean {
    const { origin, pathname, hash } = new URL(link, `http://site.invalid${from}`);
    if (origin !== 'http://site.invalid') return false;
    const target = pageAt(pathname);
    if (target === undefined) return !existsSync(join(SITE, pathname));
    return hash !== '' && !target.anchors.has(decodeURIComponent(hash.slice(1)));
  }

  beforeAll(async () => {
    await promisify(execFile)('npm', ['run', 'docs:build'], { cwd: ROOT });
    for (const file of globSync('**/*.html', { cwd: SITE })) pages.set(`/${file}`, readPage(resolve(SITE, file)));
  });

  it('has a page of each document, with links', () => {
    for (const path of ['/', '/docs/protocol.html', '/docs/schema/', '/docs/schema/topics.html', '/bench/RESULTS.html'])
      expect(pageAt(path)?.links.length).toBeGreaterThan(20);
  });

  it('has no dead link and no dead anchor', () => {
    const dead = [...pages].flatMap(([path, { links }]) =>
      links.filter((link) => isDead(path, link)).map((link) => `${path}: ${link}`),
    );
    expect(dead).toEqual([]);
  });

  it('loads nothing from other hosts, and everything it loads exists', () => {
    const absent = [...pages].flatMap(([path, { loaded }]) =>
      loaded
        // A small picture is part of its page.
        .filter((link) => !link.startsWith('data:') && (!link.startsWith('/') || isDead(path, link)))
        .map((link) => `${path}: ${link}`),
    );
    expect(absent).toEqual([]);
    const styles = globSync('assets/*.css', { cwd: SITE }).map((file) => readFileSync(join(SITE, file), 'utf8'));
    expect(styles.flatMap((text) => all(text, /url\(["']?((?:https?:)?\/\/[^)]+)\)/g))).toEqual([]);
  });
});
