/** Writes the schema reference, `docs/schema/`, from the SDL: the last step of `npm run generate`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { schemaPages } from './schema-pages.ts';

const folder = new URL('../docs/schema/', import.meta.url);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (const [name, text] of schemaPages()) writeFileSync(new URL(name, folder), text);
