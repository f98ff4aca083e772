/** The site of the documents: `npm run docs:build`. It needs no network: it contains its fonts, scripts and search. */
import { cpSync, globSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { defineConfig, type MarkdownOptions } from 'vitepress';
import { linkOnSite, PAGES, PICTURES, placeOf, sidebarOf, slugOf } from './pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Copies of the pages, in a folder below the packages with which they are compiled. */
const COPIES = join(ROOT, 'docs/.vitepress/cache/pages');

const find = (patterns: readonly string[]): string[] =>
  globSync(patterns, { cwd: ROOT, exclude: (name) => name.includes('node_modules') });
const files = find(PAGES);
rmSync(COPIES, { recursive: true, force: true });
for (const file of [...files, ...find(PICTURES)]) cpSync(join(ROOT, file), join(COPIES, placeOf(file)));

/** Rewrites links for the site. Links to files that are not pages, such as sources, become plain text. */
const followLinks: NonNullable<MarkdownOptions['preConfig']> = (markdown) => {
  markdown.core.ruler.push('links-of-the-site', ({ env, tokens }) => {
    const page = relative(COPIES, env.path);
    for (const { children } of tokens) {
      let target: string | null = null;
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          target = linkOnSite(page, token.attrGet('href') ?? '', files);
          if (target !== null) token.attrSet('href', target);
        }
        if (target === null && token.type.startsWith('link_')) {
          token.type = 'text';
          token.attrs = null;
        }
      }
    }
  });
};

export default defineConfig({
  title: 'Real-time Communication Service',
  description: 'A federated GraphQL subgraph for messages, presence, typing and streamed answers in real time.',
  srcDir: COPIES,
  outDir: 'dist',
  ignoreDeadLinks: 'localhostLinks',
  markdown: { anchor: { slugify: slugOf }, preConfig: followLinks },
  vite: { build: { target: 'es2022' } },
  themeConfig: {
    sidebar: sidebarOf(readFileSync(join(ROOT, 'README.md'), 'utf8'), files),
    search: { provider: 'local' },
    outline: [2, 3],
  },
});
