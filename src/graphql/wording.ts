/** How the message of an error is told: as much of it as helps, and no names of the schema in production. */
import { LIMITS } from '../limits.ts';

/** Before the names of the schema that graphql-js offers to whoever guesses; they end the message. */
const SUGGESTION = ' Did you mean ';

export type Tell = (message: string) => string;

/**
 * A message repeats what was sent, which may be all of a document: it is cut
 * before anything else is done with it.
 */
export function createTell(isProduction: boolean): Tell {
  return (message) => {
    const most = LIMITS.errorCharacters;
    const short = message.length > most ? `${message.slice(0, most)}…` : message;
    const end = isProduction ? short.lastIndexOf(SUGGESTION) : -1;
    return end < 0 ? short : short.slice(0, end);
  };
}
