/**
 * Shares the rendering of an event among equal subscriptions: one execution, one serialisation.
 *
 * A shape is a tenant, a document, an operation and the variables that reach
 * below the root field's arguments: those arguments only choose which events arrive. An
 * event is rendered once, in a context where reading the viewer is a tripwire.
 * When it is read, the result is discarded, the shape becomes per-viewer for good, and
 * each viewer's response is rendered alone. Nothing needs an annotation for that. In a stream
 * with several kinds of events this holds for each kind by itself.
 */
import { type ExecutionArgs, type ExecutionResult, execute, type OperationDefinitionNode, visit } from 'graphql';
import type { Clock } from '../clock.ts';
import { FairPlace, type Waiter } from '../delivery/fair-place.ts';
import { kindOf } from '../delivery/inbox/inbox-events.ts';
import type { Payload, Renderer } from '../delivery/rendered-stream.ts';
import { ServiceError, unavailable } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { type Budget, responseTooLarge } from '../rates/budget.ts';
import type { Context, SharedContext } from './context.ts';
import { type FormatError, originOf } from './errors.ts';
import { chooseOperation, type PreparedArgs } from './operations.ts';

type Rendered = Payload | Promise<Payload>;

const isPromise = <Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> =>
  typeof (value as { then?: unknown })?.then === 'function';

/** Counts an execution, for all sharers or for one viewer. */
export type CountRender = (audience: 'shared' | 'viewer') => void;

/** Undefined: it was cut short. */
type Attempt<Outcome> = () => Outcome | undefined | Promise<Outcome | undefined>;

/** Whether a part of the result is missing only because the engine is unavailable. */
function isCutShort({ errors = [] }: ExecutionResult): boolean {
  return errors.some((error) => {
    const origin = originOf(error);
    return origin instanceof ServiceError && origin.code === 'SERVICE_UNAVAILABLE';
  });
}

export interface ShapeOptions {
  readonly clock: Clock;
  readonly formatError: FormatError;
  readonly countRender: CountRender;
}

/** A stream as its shape knows it: whose events are rendered, and who pays. */
export class Reader implements Waiter, Renderer {
  readonly context: Context;
  isOpen = true;
  readonly #shape: Shape;
  readonly #shapes: Shapes;

  constructor(context: Context, shape: Shape, shapes: Shapes) {
    this.context = context;
    this.#shape = shape;
    this.#shapes = shapes;
  }

  render(event: object): Rendered {
    return this.#shape.render(event, this);
  }

  release(): void {
    this.isOpen = false;
    this.#shapes.release(this.#shape);
  }

  get lane(): string {
    const { tenant, userId } = this.context.viewer;
    return JSON.stringify([tenant, userId]);
  }

  /** Takes units from the recipients of an event. @throws {ServiceError} QUERY_TOO_COSTLY. */
  charge(units: number): void {
    this.context.meter.hear(units);
  }
}

/** The cost of an event's response beyond the free part. */
const dearness = ({ used }: Budget): number => Math.max(used - LIMITS.freeEventUnits, 0);

/** The streams that share a rendering. They take the turn of the first that needed it. */
class Sharers implements Waiter {
  readonly #shape: Shape;
  readonly #first: Reader;

  constructor(shape: Shape, first: Reader) {
    this.#shape = shape;
    this.#first = first;
  }

  get lane(): string {
    return this.#first.lane;
  }

  get isOpen(): boolean {
    return this.#shape.users > 0;
  }
}

/** The observations of the renderings of one kind of event so far. */
interface Habits {
  /** The viewer is read: each viewer's response is rendered alone. */
  isPerViewer: boolean;
  /** Whether all were synchronous. Null before the first. */
  isDirect: boolean | null;
}

export class Shape {
  readonly key: string;
  users = 0;
  readonly #args: ExecutionArgs;
  readonly #options: ShapeOptions;
  readonly #share: () => SharedContext;
  /**
   * By event: events are shared objects. Null: the viewer was read. A rendering is held by the streams that still deliver it
   * and not by its event, which may be the present state of something and stay for long, in many shapes (G10).
   */
  readonly #shared = new WeakMap<object, WeakRef<Payload> | null | Promise<Payload | null>>();
  readonly #place: FairPlace;
  readonly #habits = new Map<string, Habits>();
  /** For events that cost more than the free part, the share of each recipient; null while there was none. */
  #prices: WeakMap<object, number> | null = null;

  constructor(
    key: string,
    args: ExecutionArgs,
    options: ShapeOptions & { readonly place: FairPlace },
    share: () => SharedContext,
  ) {
    this.key = key;
    this.#args = args;
    this.#options = options;
    this.#place = options.place;
    this.#share = share;
  }

  /**
   * The response to an event, for one viewer. Rejects with SERVICE_UNAVAILABLE when the
   * engine stays unavailable: an event delivered in part would be lost without a trace.
   */
  render(event: object, reader: Reader): Rendered {
    if (this.#mustWait(event)) return this.#place.inTurn(reader, () => this.#render(event, reader));
    return this.#render(event, reader);
  }

  /** Whether the event must wait for its turn: it is not rendered yet, may read from the engine, and others are first. */
  #mustWait(event: object): boolean {
    const { isDirect, isPerViewer } = this.#habitsOf(event);
    if (isDirect || this.#place.isFree) return false;
    return isPerViewer || !this.#sharedOf(event);
  }

  #render(event: object, reader: Reader): Rendered {
    if (this.#habitsOf(event).isPerViewer) return this.#renderFor(event, reader);
    let shared = this.#sharedOf(event);
    if (shared === undefined) {
      shared = this.#renderShared(event, reader);
      this.#keep(event, shared);
    }
    if (!isPromise(shared)) return shared ? this.#paid(shared, event, reader) : this.#renderFor(event, reader);
    return shared.then((payload) => {
      if (!reader.isOpen) throw unavailable();
      return payload ? this.#paid(payload, event, reader) : this.render(event, reader);
    });
  }

  /** Undefined: it is not rendered, or no longer held. */
  #sharedOf(event: object): Payload | null | Promise<Payload | null> | undefined {
    const kept = this.#shared.get(event);
    return kept instanceof WeakRef ? kept.deref() : kept;
  }

  #keep(event: object, rendered: Payload | null | Promise<Payload | null>): void {
    if (rendered === null) this.#shared.set(event, null);
    else if (!isPromise(rendered)) this.#shared.set(event, new WeakRef(rendered));
    else {
      this.#shared.set(event, rendered);
      rendered.then(
        (payload) => this.#keep(event, payload),
        // The next reader of this event has it rendered again.
        () => this.#shared.delete(event),
      );
    }
  }

  #paid(payload: Payload, event: object, reader: Reader): Payload {
    const price = this.#prices?.get(event);
    if (price) reader.charge(price);
    return payload;
  }

  #renderShared(event: object, first: Reader): Payload | null | Promise<Payload | null> {
    return this.#untilWhole(new Sharers(this, first), () => {
      const context = this.#share();
      const settle = (result: ExecutionResult): Payload | null | undefined => {
        if (!context.wasTouched) {
          const dear = dearness(context.budget);
          // Rendered once, and charged once, to all who share it.
          if (dear > 0) this.#price(event, Math.ceil(dear / Math.max(this.users, 1)));
          return this.#serialise(result, context.budget);
        }
        this.#habitsOf(event).isPerViewer = true;
        return null;
      };
      return this.#execute(event, context, 'shared', settle);
    });
  }

  /** A stream of several kinds of events: a per-viewer kind makes no other kind per-viewer. */
  #habitsOf(event: object): Habits {
    const kind = kindOf(event);
    let habits = this.#habits.get(kind);
    if (!habits) {
      habits = { isPerViewer: false, isDirect: null };
      this.#habits.set(kind, habits);
    }
    return habits;
  }

  #price(event: object, units: number): void {
    this.#prices ??= new WeakMap();
    this.#prices.set(event, units);
  }

  #renderFor(event: object, reader: Reader): Rendered {
    return this.#untilWhole(reader, () => {
      const context = reader.context.next();
      return this.#execute(event, context, 'viewer', (result) => {
        const dear = dearness(context.budget);
        if (dear > 0) reader.charge(dear);
        return this.#serialise(result, context.budget);
      });
    });
  }

  #execute<Outcome>(
    event: object,
    context: Context | SharedContext,
    audience: 'shared' | 'viewer',
    settle: (result: ExecutionResult) => Outcome,
  ): Outcome | Promise<Outcome> {
    this.#options.countRender(audience);
    const result = execute({ ...this.#args, rootValue: event, contextValue: context });
    const habits = this.#habitsOf(event);
    habits.isDirect = habits.isDirect !== false && !isPromise(result);
    return isPromise(result) ? this.#place.hold(result.then(settle)) : settle(result);
  }

  /** Renders again for as long as an outage of the engine may take; undefined: it was cut short by one. */
  #untilWhole<Outcome>(waiter: Waiter, render: Attempt<Outcome>): Outcome | Promise<Outcome> {
    const first = render();
    const settle = (outcome: Outcome | undefined): Outcome | Promise<Outcome> =>
      outcome === undefined ? this.#again(waiter, render) : outcome;
    return isPromise(first) ? first.then(settle) : settle(first);
  }

  /** Retries until the engine answers. Each attempt waits for its turn; between attempts no place is held. */
  async #again<Outcome>(waiter: Waiter, render: Attempt<Outcome>): Promise<Outcome> {
    const { clock } = this.#options;
    const end = clock.elapsed() + TIMES.renderMs;
    while (clock.elapsed() < end) {
      await new Promise<void>((resolve) => void clock.after(TIMES.retryMs, resolve));
      const outcome = await this.#place.inTurn(waiter, render);
      if (outcome !== undefined) return outcome;
    }
    throw unavailable();
  }

  /** @throws {ServiceError} QUERY_TOO_COSTLY, which ends the streams that asked for it. */
  #serialise(result: ExecutionResult, budget: Budget): Payload | undefined {
    if (budget.refusal) throw budget.refusal;
    if (isCutShort(result)) return undefined;
    const { data, errors } = result;
    const payload = Buffer.from(
      JSON.stringify(errors ? { errors: errors.map(this.#options.formatError), data } : { data }),
    );
    if (payload.length > LIMITS.responseBytes) throw budget.refuse(responseTooLarge());
    return payload;
  }
}

/** The variables that an operation uses outside the arguments of its root field, by name. */
function innerVariables(args: ExecutionArgs, operation: OperationDefinitionNode): string[] {
  const roots = new Set(operation.selectionSet.selections);
  const names = new Set<string>();
  visit(args.document, {
    VariableDefinition: () => false,
    Field: (node) => (roots.has(node) ? { ...node, arguments: [] } : undefined),
    Variable: (node) => void names.add(node.name.value),
  });
  return [...names].sort();
}

export interface Shapes {
  /** A reader of the shape of an operation, which it releases. */
  read(args: PreparedArgs, context: Context): Reader;
  release(shape: Shape): void;
}

export function createShapes(options: ShapeOptions): Shapes {
  const shapes = new Map<string, Shape>();
  const withPlace = { ...options, place: new FairPlace() };
  const documents = new WeakMap<object, { readonly id: number; readonly names: Map<string, string[]> }>();
  let count = 0;

  function keyOf(args: PreparedArgs, context: Context): string {
    let known = documents.get(args.document);
    if (!known) {
      count += 1;
      known = { id: count, names: new Map() };
      documents.set(args.document, known);
    }
    const operation = chooseOperation(args.document, args.operationName);
    const name = operation.name?.value ?? '';
    const names = known.names.get(name) ?? innerVariables(args, operation);
    known.names.set(name, names);
    // Absent is not null: a field may have a default for an absent argument.
    const values = names.map((each) => (Object.hasOwn(args.coerced, each) ? [args.coerced[each]] : null));
    return JSON.stringify([context.tenant, known.id, name, values]);
  }

  return {
    read(args, context) {
      const key = keyOf(args, context);
      let shape = shapes.get(key);
      if (!shape) {
        shape = new Shape(key, args, withPlace, () => context.share());
        shapes.set(key, shape);
      }
      shape.users += 1;
      return new Reader(context, shape, this);
    },
    release(shape) {
      shape.users -= 1;
      if (shape.users === 0 && shapes.get(shape.key) === shape) shapes.delete(shape.key);
    },
  };
}
