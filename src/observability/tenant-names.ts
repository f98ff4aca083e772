/** The tenants that `/metrics` shows by name: the first ones that send a request, to one process or several. */

export interface TenantNames {
  /** 0: use of tenants is not counted. */
  readonly most: number;
  /** Whether a tenant is shown by name. The answer never changes. A promise while another process is asked. */
  has(tenant: string): boolean | Promise<boolean>;
}

/** Names the first `most` tenants that it is asked about. */
export class FirstTenants implements TenantNames {
  readonly most: number;
  readonly #names = new Set<string>();

  constructor(most: number) {
    this.most = most;
  }

  has(tenant: string): boolean {
    if (this.#names.has(tenant)) return true;
    if (this.#names.size >= this.most) return false;
    this.#names.add(tenant);
    return true;
  }

  get all(): readonly string[] {
    return [...this.#names];
  }
}

/** The answer about a tenant: the tenant if it is shown by name; otherwise all names, which are then final. */
export interface NamesTold {
  readonly names: readonly string[];
  readonly areAll: boolean;
}

export function answerAbout(tenant: string, tenants: FirstTenants): NamesTold {
  return tenants.has(tenant) ? { names: [tenant], areAll: false } : { names: tenants.all, areAll: true };
}

/** The names that another process decides, the same for all processes that ask. */
export class AskedTenants implements TenantNames {
  readonly most: number;
  readonly #ask: (tenant: string) => void;
  readonly #names = new Set<string>();
  readonly #waiting = new Map<string, (hasName: boolean) => void>();
  #areAll = false;

  constructor(most: number, ask: (tenant: string) => void) {
    this.most = most;
    this.#ask = ask;
  }

  has(tenant: string): boolean | Promise<boolean> {
    if (this.#names.has(tenant)) return true;
    if (this.#areAll) return false;
    return new Promise((resolve) => {
      this.#waiting.set(tenant, resolve);
      this.#ask(tenant);
    });
  }

  told({ names, areAll }: NamesTold): void {
    for (const name of names) this.#names.add(name);
    this.#areAll ||= areAll;
    for (const [tenant, resolve] of this.#waiting) {
      const hasName = this.#names.has(tenant);
      if (!hasName && !this.#areAll) continue;
      this.#waiting.delete(tenant);
      resolve(hasName);
    }
  }
}
