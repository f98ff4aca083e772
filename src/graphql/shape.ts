/**
 * Shares the rendering of an event among equal subscriptions: one execution, one serialisation.
 *
 * A shape is a tenant, a document, an operation and the variables used below the root field's arguments; those
 * arguments only select events. An event is rendered once, in a context where reading the viewer is a tripwire. When
 * the viewer is read, the result is discarded, the shape becomes per-viewer for good, and each viewer's response is
 * rendered separately. No annotation is needed. In a stream with several kinds of events this applies to each kind
 * separately.
 */
import { type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import type { Clock } from '../clock.ts';
import { counted, isTurnSpent } from '../delivery/back-pressure.ts';
import { kindOf } from '../delivery/inbox/inbox-events.ts';
import type { Payload, Renderer } from '../delivery/rendered-stream.ts';
import type { RenderingOwner, RenderingQueue } from '../delivery/rendering-queue.ts';
import { ServiceError, unavailable } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { type Budget, responseTooLarge } from '../rates/budget.ts';
import type { Context, SharedContext } from './context.ts';
import { type FormatError, originOf } from './errors.ts';
import { type Audience, Habits } from './habits.ts';
import { chooseOperation, type PreparedArgs } from './operations.ts';
import { Projection } from './projection.ts';

type Rendered = Payload | Promise<Payload>;

const isPromise = <Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> =>
  typeof (value as { then?: unknown })?.then === 'function';

/** Counts an execution. */
export type CountRender = (audience: Audience) => void;

/** Undefined: the rendering was cut short by an outage. */
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

/** Removes the shape when its last reader has left. */
interface Holder {
  release(shape: Shape): void;
}

/** A stream as a reader of its shape: it has a context, a turn in the queue, and a meter. */
export class Reader implements RenderingOwner, Renderer {
  readonly context: Context;
  isOpen = true;
  readonly #shape: Shape;
  readonly #holder: Holder;

  constructor(context: Context, shape: Shape, holder: Holder) {
    this.context = context;
    this.#shape = shape;
    this.#holder = holder;
  }

  render(event: object): Rendered {
    return this.#shape.render(event, this);
  }

  release(): void {
    this.isOpen = false;
    this.#holder.release(this.#shape);
  }

  get lane(): string {
    const { tenant, userId } = this.context.viewer;
    return JSON.stringify([tenant, userId]);
  }

  /** Takes units from the recipients of an event. @throws {ServiceError} QUERY_TOO_COSTLY. */
  charge(units: number): void {
    this.context.meter.payForEvent(units);
  }
}

/** The cost of an event's response beyond the free part. */
const dearness = ({ used }: Budget): number => Math.max(used - LIMITS.freeEventUnits, 0);

/** The streams that share a rendering. They use the turn of the first one. */
class Sharers implements RenderingOwner {
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
    return this.#shape.readers > 0;
  }
}

export class Shape {
  readonly key: string;
  /** Open subscriptions: a user may have several. */
  readers = 0;
  readonly #args: ExecutionArgs;
  readonly #projection: Projection;
  readonly #options: ShapeOptions;
  readonly #share: () => SharedContext;
  /**
   * Renderings by event, since events are shared objects. Null: the viewer was read. Weak, so that only streams that
   * still deliver a rendering hold it: an event may be a current state that lives long, in many shapes (G10).
   */
  readonly #shared = new WeakMap<object, WeakRef<Payload> | null | Promise<Payload | null>>();
  readonly #queue: RenderingQueue;
  readonly #habits = new Map<string, Habits>();
  /** For events that cost more than the free part, the share of each recipient; null before the first. */
  #prices: WeakMap<object, number> | null = null;

  constructor(
    key: string,
    args: PreparedArgs,
    options: ShapeOptions & { readonly queue: RenderingQueue },
    share: () => SharedContext,
  ) {
    this.key = key;
    this.#args = args;
    this.#projection = new Projection(args, chooseOperation(args.document, args.operationName), args.coerced);
    this.#options = options;
    this.#queue = options.queue;
    this.#share = share;
  }

  /**
   * The response to an event, for one viewer. Rejects with SERVICE_UNAVAILABLE when the engine stays unavailable: an
   * incomplete event would be lost without a trace.
   */
  render(event: object, reader: Reader): Rendered {
    const { isDirect, isPerViewer } = this.#habitsOf(event);
    const shared = isPerViewer ? null : this.#sharedOf(event);
    if (shared) return this.#handOut(shared, event, reader);
    const render = (): Rendered => this.#render(event, reader);
    // A rendering that reads nothing waits when such renderings have used up this turn of the event loop.
    if (isDirect) return isTurnSpent() ? this.#queue.inTurn(reader, render) : counted(render);
    return this.#queue.isFree ? render() : this.#queue.inTurn(reader, render);
  }

  #render(event: object, reader: Reader): Rendered {
    if (this.#habitsOf(event).isPerViewer) return this.#renderFor(event, reader);
    let shared = this.#sharedOf(event);
    if (shared === undefined) {
      shared = this.#renderShared(event, reader);
      this.#keep(event, shared);
    }
    return shared ? this.#handOut(shared, event, reader) : this.#renderFor(event, reader);
  }

  #handOut(shared: Payload | Promise<Payload | null>, event: object, reader: Reader): Rendered {
    if (!isPromise(shared)) return this.#paid(shared, event, reader);
    return shared.then((payload) => {
      if (!reader.isOpen) throw unavailable();
      return payload ? this.#paid(payload, event, reader) : this.render(event, reader);
    });
  }

  /** Undefined: not rendered, or no longer in memory. */
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
        // After a failure the next reader of this event renders it again.
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
    const shareOut = ({ budget }: SharedContext): void => {
      const dear = dearness(budget);
      // Rendered once, and charged once: each subscription that shares the rendering pays a part.
      if (dear > 0) this.#price(event, Math.ceil(dear / Math.max(this.readers, 1)));
    };
    return this.#untilWhole(new Sharers(this, first), () => {
      const attempt = this.#write(event, 'shared', this.#share, shareOut);
      if (attempt) return attempt;
      const context = this.#share();
      return this.#execute(event, context, 'shared', (result) => {
        if (!context.wasTouched) {
          shareOut(context);
          return this.#serialise(result, context.budget);
        }
        this.#habitsOf(event).isPerViewer = true;
        return null;
      });
    });
  }

  /** A stream of several kinds of events: a per-viewer kind makes no other kind per-viewer. */
  #habitsOf(event: object): Habits {
    const kind = kindOf(event);
    let habits = this.#habits.get(kind);
    if (!habits) {
      habits = new Habits();
      this.#habits.set(kind, habits);
    }
    return habits;
  }

  #price(event: object, units: number): void {
    this.#prices ??= new WeakMap();
    this.#prices.set(event, units);
  }

  #renderFor(event: object, reader: Reader): Rendered {
    const charge = ({ budget }: Context): void => {
      const dear = dearness(budget);
      if (dear > 0) reader.charge(dear);
    };
    const next = (): Context => reader.context.next();
    return this.#untilWhole(reader, () => {
      const attempt = this.#write(event, 'viewer', next, charge);
      if (attempt) return attempt;
      const context = next();
      return this.#execute(event, context, 'viewer', (result) => {
        charge(context);
        return this.#serialise(result, context.budget);
      });
    });
  }

  /** The response as the projection writes it; null: graphql-js has to execute the event, in a new context. */
  #write<Used extends Context | SharedContext>(
    event: object,
    audience: Audience,
    newContext: () => Used,
    pay: (context: Used) => void,
  ): Payload | null {
    const habits = this.#habitsOf(event);
    const trials = habits.trialsOf(audience);
    if (!trials.takesNext()) return null;
    const context = newContext();
    const data = this.#projection.write(event, context);
    const { refusal } = context.budget;
    if (data === null || refusal || ('wasTouched' in context && context.wasTouched)) {
      trials.failed();
      return null;
    }
    trials.succeeded();
    this.#options.countRender(audience);
    habits.isDirect ??= true;
    pay(context);
    return sized(`{"data":${data}}`, context.budget);
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
    return isPromise(result) ? this.#queue.track(result.then(settle)) : settle(result);
  }

  /** Renders, and retries during an outage of the engine up to a time limit. */
  #untilWhole<Outcome>(waiter: RenderingOwner, render: Attempt<Outcome>): Outcome | Promise<Outcome> {
    const first = render();
    const settle = (outcome: Outcome | undefined): Outcome | Promise<Outcome> =>
      outcome === undefined ? this.#again(waiter, render) : outcome;
    return isPromise(first) ? first.then(settle) : settle(first);
  }

  /** Retries until the engine answers. Each attempt waits for its turn; nothing is held between attempts. */
  async #again<Outcome>(waiter: RenderingOwner, render: Attempt<Outcome>): Promise<Outcome> {
    const { clock } = this.#options;
    const end = clock.elapsed() + TIMES.renderMs;
    while (clock.elapsed() < end) {
      await new Promise<void>((resolve) => void clock.after(TIMES.retryMs, resolve));
      const outcome = await this.#queue.inTurn(waiter, render);
      if (outcome !== undefined) return outcome;
    }
    throw unavailable();
  }

  /** @throws {ServiceError} QUERY_TOO_COSTLY, which ends the streams that asked for it. */
  #serialise(result: ExecutionResult, budget: Budget): Payload | undefined {
    if (budget.refusal) throw budget.refusal;
    if (isCutShort(result)) return undefined;
    const { data, errors } = result;
    return sized(JSON.stringify(errors ? { errors: errors.map(this.#options.formatError), data } : { data }), budget);
  }
}

/** @throws {ServiceError} QUERY_TOO_COSTLY for a response that is too long. */
function sized(response: string, budget: Budget): Payload {
  const payload = Buffer.from(response);
  if (payload.length > LIMITS.responseBytes) throw budget.refuse(responseTooLarge());
  return payload;
}
