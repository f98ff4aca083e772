/** What every resolver is given. */
import type { Delivery } from '../delivery/delivery.ts';
import type { Domain } from '../domain/domain.ts';
import { ServiceError } from '../errors.ts';
import type { Meter, TenantId, Viewer } from '../model.ts';
import { createLoaders, type Loaders } from './loaders.ts';

export interface Services {
  readonly domain: Domain;
  readonly delivery: Delivery;
}

export interface Context extends Services {
  readonly tenant: TenantId;
  /** The caller; reading it makes a result the caller's own. UNAUTHENTICATED when there is none. */
  readonly viewer: Viewer;
  readonly loaders: Loaders;
  /** Whether the caller is a gateway that proved itself with `GATEWAY_SECRET`, or none is asked for. */
  readonly isTrustedGateway: boolean;
  readonly isAuthenticated: boolean;
  /** Counts what the caller does against their rates. */
  readonly meter: Meter;
  /** Of the request, or of the upgrade of the socket. */
  readonly userAgent: string | null;
  /** Lets the connection go on for as long as a new token does. */
  readonly renew: Renew;
  /** The same caller with empty loaders, for the next event of a stream. */
  next(): Context;
  /** A context of the same tenant and no caller, for what many callers share. */
  share(): SharedContext;
}

/** A context in which reading anything of the caller is a tripwire. */
export interface SharedContext extends Context {
  readonly wasTouched: boolean;
}

/** Who calls, as a transport found out: somebody, or why nobody, which is thrown where one is needed. */
export type Caller = CallerDetails &
  ({ readonly viewer: Viewer; readonly refusal: null } | { readonly viewer: null; readonly refusal: ServiceError });

interface CallerDetails {
  readonly isTrustedGateway: boolean;
  readonly meter: Meter;
  readonly userAgent: string | null;
  readonly renew: Renew;
}

/** Takes a viewer of a new token; nothing happens when it is another user's, or nothing is connected. */
export type Renew = (viewer: Viewer) => void;

// Apollo Server copies contexts by their own properties, so nothing here is a #private field or an own getter.
class RequestContext implements Context {
  readonly domain: Domain;
  readonly delivery: Delivery;
  readonly isTrustedGateway: boolean;
  readonly meter: Meter;
  readonly userAgent: string | null;
  readonly renew: Renew;
  private readonly services: Services;
  private readonly caller: Caller;
  private made: Loaders | null = null;

  constructor(services: Services, caller: Caller) {
    this.domain = services.domain;
    this.delivery = services.delivery;
    this.isTrustedGateway = caller.isTrustedGateway;
    this.meter = caller.meter;
    this.userAgent = caller.userAgent;
    this.renew = caller.renew;
    this.services = services;
    this.caller = caller;
  }

  // Made when first asked for: a context lives as long as its subscription, of which few read more than the event.
  get loaders(): Loaders {
    this.made ??= createLoaders(this);
    return this.made;
  }

  get isAuthenticated(): boolean {
    return this.caller.viewer !== null;
  }

  get viewer(): Viewer {
    const { viewer, refusal } = this.caller;
    if (!viewer) throw refusal;
    return viewer;
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
  readonly domain: Domain;
  readonly delivery: Delivery;
  readonly tenant: TenantId;
  wasTouched = false;
  #loaders: Loaders | null = null;

  constructor({ domain, delivery }: Services, tenant: TenantId) {
    this.domain = domain;
    this.delivery = delivery;
    this.tenant = tenant;
  }

  get loaders(): Loaders {
    this.#loaders ??= createLoaders(this);
    return this.#loaders;
  }

  get viewer(): Viewer {
    return this.#touch();
  }

  get isAuthenticated(): boolean {
    return this.#touch();
  }

  get userAgent(): string | null {
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

  next(): Context {
    return this.#touch();
  }

  share(): SharedContext {
    return this.#touch();
  }

  /** Notes it first: a resolver that catches what is thrown does not undo it. */
  #touch(): never {
    this.wasTouched = true;
    throw new ServiceError('INTERNAL_SERVER_ERROR', 'A shared result has no viewer.');
  }
}

/** A context for one operation, or for one event of a subscription: its loaders remember what they read. */
export function createContext(services: Services, caller: Caller): Context {
  return new RequestContext(services, caller);
}
