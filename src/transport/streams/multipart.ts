/** Apollo's multipart subscription protocol, `multipart/mixed;subscriptionSpec=1.0`. */
import { Wrapping } from '../peers/envelope.ts';
import type { StreamFormat } from './stream-format.ts';

const BOUNDARY = 'graphql';
const HEAD = '\r\ncontent-type: application/json\r\n\r\n';
/**
 * The boundary is written right after each part, so that the reader need not wait for the next event to see its end.
 */
const NEXT = `\r\n--${BOUNDARY}`;
const END = '--\r\n';

const part = (json: string): string => `${HEAD}${json}${NEXT}`;

export const MULTIPART: StreamFormat = {
  transport: 'multipart',
  connectionType: 'MULTIPART',
  contentType: `multipart/mixed;boundary="${BOUNDARY}";subscriptionSpec=1.0`,
  opening: () => `${NEXT}${part('{}')}`,
  heartbeat: part('{}'),
  envelope: new Wrapping(`${HEAD}{"payload":`, `}${NEXT}`),
  identified: null,
  ending: (errors) => `${errors ? part(JSON.stringify({ payload: { errors } })) : ''}${END}`,
  interruption: (errors) => `${part(JSON.stringify({ payload: null, errors }))}${END}`,
  breaksOff: false,
};
