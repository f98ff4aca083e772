/** npm passes a signal to its shell only: a script that runs until it is stopped takes the place of that shell. */
import { readFileSync } from 'node:fs';

const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const untilStopped = Object.keys(scripts).filter((name) => /^(start|dev|demo(:.+)?|.+:preview)$/.test(name));

it.each(untilStopped)('npm run %s ends with its signal', (name) => {
  expect(scripts[name]).toMatch(/^exec /);
});
