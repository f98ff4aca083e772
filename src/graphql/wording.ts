/** The wording of error messages: shortened, and without names of the schema in production. */
import { LIMITS } from '../limits.ts';

/** Begins the names of the schema that graphql-js suggests; they end the message. */
const SUGGESTION = ' Did you mean ';

export type Wording = (message: string) => string;

/**
 * A message is cut before it is processed, since it may repeat a whole document.
 */
export function createWording(isProduction: boolean): Wording {
  return (message) => {
    const most = LIMITS.errorCharacters;
    const short = message.length > most ? `${message.slice(0, most)}…` : message;
    const end = isProduction ? short.lastIndexOf(SUGGESTION) : -1;
    return end < 0 ? short : short.slice(0, end);
  };
}
