/** Renderings without reads: one event in many shapes takes several turns of the event loop, and users take turns. */
import { buildSchema, type GraphQLObjectType, parse } from 'graphql';
import { nextTurn } from '../../src/clock.ts';
import { createShapes, type Shapes } from '../../src/graphql/shapes.ts';
import { Budget } from '../../src/rates/budget.ts';
import { TestClock } from '../support/test-clock.ts';

const RENDERING_MS = 2;
/** As `src/delivery/back-pressure.ts` has it. */
const TURN_MS = 10;
const STREAMS = 100;

/** Takes as long on each machine. */
function work(): string {
  const end = performance.now() + RENDERING_MS;
  while (performance.now() < end);
  return 'done';
}

const schema = buildSchema('type Query { id: ID } type Subscription { event: Event! } type Event { work: String! }');
const field = (schema.getType('Event') as GraphQLObjectType).getFields()['work'];
if (field) field.resolve = work;

function contextOf(userId: string): never {
  const context = {
    tenant: 'default',
    viewer: { tenant: 'default', userId },
    budget: new Budget(1_000),
    share: () => ({ budget: new Budget(1_000), wasTouched: false }),
  };
  return context as never;
}

function readerOf(shapes: Shapes, userId: string, n: number) {
  const document = parse(`subscription { event { a${n}: work } }`);
  return shapes.read(
    { schema, document, operationName: null, variableValues: {}, coerced: {} } as never,
    contextOf(userId),
  );
}

it('renderings of one event in many shapes take bounded turns of the event loop, shared by users', async () => {
  let renders = 0;
  const shapes = createShapes({
    clock: new TestClock(),
    formatError: (error) => error as never,
    countRender: () => {
      renders += 1;
    },
  });
  const readers = Array.from({ length: STREAMS }, (_, n) => readerOf(shapes, 'mallory', n));
  const honest = readerOf(shapes, 'honest', STREAMS);
  const event = () => ({ event: {} });
  // The first event shows that the shapes read nothing.
  const first = event();
  for (const reader of [...readers, honest]) await reader.render(first);

  await nextTurn();
  renders = 0;
  const next = event();
  const pending = readers.map((reader) => reader.render(next));
  const inOneTurn = TURN_MS / RENDERING_MS + 1;
  expect(renders).toBeLessThanOrEqual(inOneTurn);
  await honest.render(next);
  expect(renders).toBeLessThanOrEqual(3 * inOneTurn);
  const payloads = await Promise.all(pending);
  expect(payloads.map(String)).toEqual(
    readers.map((_, n) => JSON.stringify({ data: { event: { [`a${n}`]: 'done' } } })),
  );
  expect(renders).toBe(STREAMS + 1);
});
