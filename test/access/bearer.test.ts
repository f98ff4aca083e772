/** `src/access/bearer.ts`: a socket keeps its user whatever tokens follow. */
import { RenewableBearer } from '../../src/access/bearer.ts';
import { alice, bob, viewerOf } from '../support/world.ts';

it('a later token of the same user replaces the first, and whoever listens is told', () => {
  const bearer = new RenewableBearer(viewerOf(alice));
  const told: string[] = [];
  const [one, two] = ['one', 'two'].map((name) => ({ onRenewed: () => void told.push(name) }));
  if (!one || !two) throw new Error('There are two.');
  for (const each of [one, two]) bearer.listen(each);
  const next = viewerOf(alice, { expiresAt: 1 });
  expect([bearer.renew(next), bearer.viewer, told]).toEqual([true, next, ['one', 'two']]);
  bearer.unlisten(one);
  expect([bearer.renew(viewerOf(alice)), told]).toEqual([true, ['one', 'two', 'two']]);
});

it('a token of another user or tenant changes nothing', () => {
  const first = viewerOf(alice);
  const bearer = new RenewableBearer(first);
  let told = 0;
  bearer.listen({
    onRenewed: () => {
      told += 1;
    },
  });
  const others = [viewerOf(bob), viewerOf(alice, { tenant: 'other' as typeof first.tenant })];
  expect(others.map((other) => bearer.renew(other))).toEqual([false, false]);
  expect([bearer.viewer, told]).toEqual([first, 0]);
});
