/** The pages of the site: their files, their addresses, and their order in the sidebar. */
import { dirname, join } from 'node:path/posix';

/** The files of the repository that are pages. Other documents, such as a package's own README, are not. */
export const PAGES = ['*.md', 'docs/*.md', 'docs/schema/*.md', 'deploy/**/*.md', 'bench/*.md'];
export const PICTURES = ['docs/*.svg', 'bench/*.svg'];

/** The anchor of a heading as GitHub makes it, so that a link works in the repository and on the site. */
export const slugOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-');

/** The address of a page on the site: the same path as in the repository. A README is the index of its folder. */
export const placeOf = (file: string): string => file.replace(/README\.md$/, 'index.md');

/**
 * @param page the file that has the link
 * @returns the link from the root of the site; null: it leads to a file that is not a page
 */
export function linkOnSite(page: string, link: string, files: readonly string[]): string | null {
  if (/^(?:[a-z]+:|#)/.test(link)) return link;
  const [path = '', anchor] = link.split('#');
  const target = join(dirname(page), path);
  if (!files.includes(target)) return null;
  return `/${placeOf(target)}${anchor === undefined ? '' : `#${anchor}`}`;
}

interface Item {
  readonly text: string;
  readonly link: string;
}

interface Section {
  readonly text: string;
  readonly items: Item[];
  readonly collapsed?: boolean;
}

/** The README's table of documents, section by section, and the pages of the schema. */
export function sidebarOf(readme: string, files: readonly string[]): Section[] {
  const sections: Section[] = [{ text: 'Start', items: [{ text: 'Overview', link: '/' }] }];
  const map = readme.slice(readme.indexOf('\n## Documents\n'));
  for (const [, reader = '', pages = ''] of map.matchAll(/^\|([^|]*)\| (.*) \|$/gm)) {
    const items = linksIn(pages, files);
    if (items.length === 0) continue;
    if (reader.trim() !== '') sections.push({ text: capitalised(reader.trim()), items });
    else sections.at(-1)?.items.push(...items);
  }
  const schema = files.filter((file) => file.startsWith('docs/schema/') && !file.endsWith('README.md')).sort();
  const items = schema.map((file) => ({ text: nameOf(file), link: `/${file}` }));
  return [...sections, { text: 'Schema reference', items, collapsed: true }];
}

const linksIn = (cell: string, files: readonly string[]): Item[] =>
  [...cell.matchAll(/\[([^\]]+)\]\(([^)#]+)\)/g)].flatMap(([, text = '', path = '']) =>
    files.includes(path) ? [{ text: capitalised(text.replaceAll('`', '')), link: `/${placeOf(path)}` }] : [],
  );

const capitalised = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
const nameOf = (file: string): string => capitalised(file.replace(/^.*\//, '').replace('.md', '').replaceAll('-', ' '));
