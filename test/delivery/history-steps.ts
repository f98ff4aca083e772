/** The steps of a random history, and the histories that once broke a guarantee. */
import fc from '../support/fast-check.ts';

const KINDS = ['received', 'updated', 'conversation', 'inbox', 'presence', 'topic'] as const;
export type Kind = (typeof KINDS)[number];

const place = fc.nat({ max: 1 });
export const STEP = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('send' as const), at: place }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('edit' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('rename' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('add' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), at: place }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('publish' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('status' as const), at: place }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('cut' as const), at: place }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('heal' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('fail' as const), at: fc.integer({ min: 1, max: 4 }) }) },
  // The bus is back before the engine answers.
  { weight: 4, arbitrary: fc.record({ type: fc.constant('limp' as const), at: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('open' as const),
      at: place,
      kind: fc.constantFrom(...KINDS),
      isNamed: fc.boolean(),
      resumes: fc.boolean(),
    }),
  },
  // What is asked meanwhile is answered, or not yet.
  { weight: 4, arbitrary: fc.record({ type: fc.constant('turn' as const), at: place }) },
);
export type Step = typeof STEP extends fc.Arbitrary<infer Value> ? Value : never;

const open = (kind: Kind): Extract<Step, { type: 'open' }> => ({
  type: 'open',
  at: 0,
  kind,
  isNamed: false,
  resumes: false,
});
/** What was found once, as it was shrunk. */
export const FOUND: readonly [Step[]][] = [
  // A conversation is deleted unheard: its log cannot be read, and that is no reason to end the others.
  [[open('received'), open('inbox'), { type: 'cut', at: 0 }, { type: 'delete', at: 0 }, { type: 'heal', at: 0 }]],
  [
    [
      { ...open('received'), resumes: true },
      { type: 'delete', at: 0 },
      { ...open('received'), resumes: true },
    ],
  ],
  // The last stream joins a channel that is behind: it began with what was sent before it, and before its viewer was a member again.
  [
    [
      open('received'),
      { type: 'cut', at: 0 },
      { type: 'remove', at: 0 },
      { type: 'fail', at: 3 },
      { type: 'heal', at: 0 },
      open('received'),
      { type: 'add', at: 0 },
      open('received'),
    ],
  ],
  // The replay of a membership that ended went on under the next one, which began while it read.
  [
    [
      open('received'),
      open('received'),
      { ...open('received'), resumes: true },
      { type: 'send', at: 0 },
      { type: 'limp', at: 4 },
      { type: 'limp', at: 4 },
    ],
  ],
  // A stream that joins a topic's channel that is behind.
  [
    [
      open('topic'),
      { type: 'cut', at: 0 },
      { type: 'publish', at: 0 },
      { type: 'fail', at: 3 },
      { type: 'heal', at: 0 },
      open('topic'),
    ],
  ],
  // Two edits of a message, read in one replay by whoever is a member again: the last says it all, and the first is not missing.
  [
    [
      open('updated'),
      { type: 'limp', at: 4 },
      { type: 'add', at: 0 },
      { type: 'edit', at: 0 },
      { type: 'edit', at: 0 },
      { type: 'fail', at: 1 },
      open('received'),
      { type: 'remove', at: 1 },
      open('received'),
      { type: 'limp', at: 1 },
    ],
  ],
  // The state was read before a message was sent, and taken after that had been passed on.
  [
    [
      open('conversation'),
      { type: 'limp', at: 3 },
      { type: 'rename', at: 0 },
      { type: 'rename', at: 0 },
      { type: 'edit', at: 1 },
      { type: 'send', at: 1 },
      { type: 'send', at: 0 },
      { type: 'turn', at: 0 },
      { type: 'remove', at: 1 },
    ],
  ],
];
