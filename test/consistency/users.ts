/** Who takes part in a trial. */
export const OWNER = 'owner';
export const READER = 'reader';
/** Comes and goes, and is gone at the end. */
export const VISITOR = 'visitor';
/** On `/ws`, where nothing comes again that its user has read anywhere: this one reads nothing. */
export const DEVICE = 'device';
/** Whose sessions are revoked. */
export const GUEST = 'guest';
