/** The reasons for which nothing happened: one case each, so that checking some leaves the others. */
export type Refusal<Reason extends string> = Reason extends string ? { readonly outcome: Reason } : never;
