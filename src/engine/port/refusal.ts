/** The reasons why nothing happened, one union case each, so that a check of one narrows to the others. */
export type Refusal<Reason extends string> = Reason extends string ? { readonly outcome: Reason } : never;
