/** Each property of security has a test file of its own. */
import { readdirSync, readFileSync } from 'node:fs';

const read = (folder: string): string[] => readdirSync(new URL(folder, import.meta.url));

it('each property has its own test file', () => {
  const properties = read('../properties').filter((file) =>
    /^export const \w+: Property = /m.test(readFileSync(new URL(`../properties/${file}`, import.meta.url), 'utf8')),
  );
  expect(properties.length).toBeGreaterThan(5);
  const attacked = read('.').map((file) => file.replace('.test.ts', '.ts'));
  expect(properties.filter((file) => !attacked.includes(file))).toEqual([]);
});
