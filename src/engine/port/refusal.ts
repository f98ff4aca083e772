/** Why nothing happened: one case for each reason, so that checking some leaves the others. */
export type Refusal<Reason extends string> = Reason extends string ? { readonly outcome: Reason } : never;
