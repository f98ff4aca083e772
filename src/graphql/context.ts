/** The context of resolvers. */
import type { Bearer } from '../access/bearer.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Domain } from '../domain/domain.ts';
import { ServiceError } from '../errors.ts';
import type { Meter, TenantId, Viewer } from '../model.ts';
import { Budget } from '../rates/budget.ts';
import type { BudgetDomain } from './budgeted-domain.ts';
import { createLoaders, type Loaders } from './loaders.ts';

export interface Services {
  readonly budgetDomain: BudgetDomain;
  readonly delivery: Delivery;
  /** Units that an operation, or the response to an event, may cost. */
  readonly maxCost: number;
  /** Whether this node is draining: operations may no longer wait. */
  readonly isDraining: () => boolean;
}

export interface Context {
  /** Its calls are charged to the budget. */
  readonly domain: Domain;
  readonly delivery: Delivery;
  /** The remaining budget of this operation, or of this event of a stream. */
  readonly budget: Budget;
  readonly tenant: TenantId;
  /** The caller. Reading it makes a result per-viewer. @throws {ServiceError} UNAUTHENTICATED without a caller. */
  readonly viewer: Viewer;
  /** The caller for the duration of a stream, whose token may change. */
  readonly bearer: Bearer;
  readonly loaders: Loaders;
  /** Whether the caller is a gateway with `GATEWAY_SECRET`, or no secret is configured. */
  readonly isTrustedGateway: boolean;
  /** Why the caller is unknown; null: the caller is known. */
  readonly refusal: ServiceError | null;
  /** Meters the caller's changes. */
  readonly meter: Meter;
  /** The `User-Agent` of the request, or of the upgrade of the socket. */
  readonly userAgent: string | null;
  /** The `Last-Event-ID` of a client that reconnects; null: none. */
  readonly lastEventId: string | null;
  /** Extends the connection until a new token expires. */
  readonly renew: Renew;
  /** Whether the caller is gone, or waiting is no longer allowed. Operations that wait check it. */
  isOver(): boolean;
  /** Empties the loaders, since cached values may have changed. */
  forget(): void;
  /** The same caller with empty loaders, for the next event of a stream. */
  next(): Context;
  /** A context of the same tenant without a caller, for results that many callers share. */
  share(): SharedContext;
}

/** A context in which any read of the caller is recorded and throws. */
export interface SharedContext extends Context {
  readonly wasTouched: boolean;
}

/** The caller as identified by the transport: a viewer, or the error to throw where one is needed. */
export type Caller = CallerDetails &
  ({ readonly bearer: Bearer; readonly refusal: null } | { readonly bearer: null; readonly refusal: ServiceError });

interface CallerDetails {
  readonly isTrustedGateway: boolean;
  /** Whether the caller is a gateway, which gets every refusal as an error. */
  readonly isProvenGateway: boolean;
  readonly meter: Meter;
  readonly userAgent: string | null;
  /** The `Last-Event-ID` of a request for server-sent events. */
  readonly lastEventId: string | null;
  readonly renew: Renew;
  /** Whether the caller has gone. */
  readonly isGone: () => boolean;
}

/** Uses the viewer of a new token; no effect for another user's token, or without a connection. */
export type Renew = (viewer: Viewer) => void;

// Apollo Server copies a context's own properties, so this class has no #private field and no own getter.
class RequestContext implements Context {
  private readonly services: Services;
  private readonly caller: Caller;
  private made: Loaders | null = null;
  private spent: Budget | null = null;
  private asked: Domain | null = null;

  constructor(services: Services, caller: Caller) {
    this.services = services;
    this.caller = caller;
  }

  // Parts are created at first use, since a context lives as long as its subscription and most subscriptions read only
  // the event.
  get delivery(): Delivery {
    return this.services.delivery;
  }

  get isTrustedGateway(): boolean {
    return this.caller.isTrustedGateway;
  }

  get meter(): Meter {
    return this.caller.meter;
  }

  get userAgent(): string | null {
    return this.caller.userAgent;
  }

  get lastEventId(): string | null {
    return this.caller.lastEventId;
  }

  get renew(): Renew {
    return (viewer) => this.caller.renew(viewer);
  }

  get budget(): Budget {
    this.spent ??= new Budget(this.services.maxCost);
    return this.spent;
  }

  get domain(): Domain {
    this.asked ??= this.services.budgetDomain(this.budget);
    return this.asked;
  }

  get loaders(): Loaders {
    this.made ??= createLoaders(this);
    return this.made;
  }

  isOver(): boolean {
    return this.caller.isGone() || this.services.isDraining();
  }

  forget(): void {
    this.made = null;
  }

  get refusal(): ServiceError | null {
    return this.caller.refusal;
  }

  get bearer(): Bearer {
    const { bearer, refusal } = this.caller;
    if (!bearer) throw refusal;
    return bearer;
  }

  get viewer(): Viewer {
    return this.bearer.viewer;
  }

  get tenant(): TenantId {
    return this.viewer.tenant;
  }

  next(): Context {
    return new RequestContext(this.services, this.caller);
  }

  share(): SharedContext {
    return new ViewerlessContext(this.services, this.tenant);
  }
}

class ViewerlessContext implements SharedContext {
  readonly delivery: Delivery;
  readonly tenant: TenantId;
  readonly budget: Budget;
  wasTouched = false;
  readonly #budgetDomain: BudgetDomain;
  #loaders: Loaders | null = null;
  #domain: Domain | null = null;

  constructor({ budgetDomain, delivery, maxCost }: Services, tenant: TenantId) {
    this.#budgetDomain = budgetDomain;
    this.delivery = delivery;
    this.tenant = tenant;
    this.budget = new Budget(maxCost);
  }

  get domain(): Domain {
    this.#domain ??= this.#budgetDomain(this.budget);
    return this.#domain;
  }

  get loaders(): Loaders {
    this.#loaders ??= createLoaders(this);
    return this.#loaders;
  }

  get viewer(): Viewer {
    return this.#touch();
  }

  get bearer(): Bearer {
    return this.#touch();
  }

  get refusal(): ServiceError | null {
    return this.#touch();
  }

  get userAgent(): string | null {
    return this.#touch();
  }

  get lastEventId(): string | null {
    return this.#touch();
  }

  get renew(): Renew {
    return this.#touch();
  }

  get meter(): Meter {
    return this.#touch();
  }

  get isTrustedGateway(): boolean {
    return this.#touch();
  }

  isOver(): boolean {
    return this.#touch();
  }

  forget(): void {
    this.#loaders = null;
  }

  next(): Context {
    return this.#touch();
  }

  share(): SharedContext {
    return this.#touch();
  }

  /** Recorded before the throw, so that a resolver that catches the error does not undo it. */
  #touch(): never {
    this.wasTouched = true;
    throw new ServiceError('INTERNAL_SERVER_ERROR', 'A shared result has no viewer.');
  }
}

/** A context for one operation, or for one event of a subscription: its loaders cache their reads. */
export function createContext(services: Services, caller: Caller): Context {
  return new RequestContext(services, caller);
}
