/** The users of a trial. */
export const OWNER = 'owner';
export const READER = 'reader';
/** Is added and removed, and is not a member at the end. */
export const VISITOR = 'visitor';
/** A device on `/ws`, which is not sent again what its user has read anywhere: this user reads nothing. */
export const DEVICE = 'device';
/** A user whose sessions are revoked. */
export const GUEST = 'guest';
