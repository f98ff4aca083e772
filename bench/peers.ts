/** What the benchmark and the servers it compares say to each other. */
export type Command =
  | { readonly kind: 'publish'; readonly sequence: number; readonly content: string }
  | { readonly kind: 'cpu' };

export type Report =
  | { readonly kind: 'listening'; readonly port: number; readonly token?: string }
  /** Microseconds of the process so far. */
  | { readonly kind: 'cpu'; readonly user: number; readonly system: number };
