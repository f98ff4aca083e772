/**
 * The content that every peer delivers, in a format that is checked without decoding.
 *
 * Padding, then conversation, sequence and time of publishing as digits in fixed
 * places, then a mark. The reader looks for the mark from a frame's end, so it
 * reads some forty bytes of a frame whatever the frame is wrapped in.
 */
export const CONTENT_LENGTH = 200;
export const MARK = 0x7e;
const CONVERSATION_DIGITS = 4;
const SEQUENCE_DIGITS = 8;
const TIME_DIGITS = 16;
const MARKED = CONVERSATION_DIGITS + SEQUENCE_DIGITS + TIME_DIGITS + 1;
const PADDING = 'x'.repeat(CONTENT_LENGTH - MARKED);
/** Length of a token: it has only the fields that say where and when it was published. */
export const TOKEN_LENGTH = MARKED;
/** The largest distance of a mark from the end of its frame: quotes, braces, the ids of the operation and the message. */
const TRAILER = 192;
const ZERO = 0x30;

/** The id of a message beside its content, as long as an id of the service. */
export const MESSAGE_ID = 'x'.repeat(30);

/** Microseconds of the monotonic clock that all processes of a machine share. */
export function nowMicros(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanos / 1e3);
}

const digits = (value: number, length: number): string => String(value).padStart(length, '0');

export const contentOf = (conversation: number, sequence: number, sentAt: number): string =>
  `${PADDING}${digits(conversation, CONVERSATION_DIGITS)}${digits(sequence, SEQUENCE_DIGITS)}${digits(sentAt, TIME_DIGITS)}~`;

export const tokenOf = (conversation: number, sequence: number, sentAt: number): string =>
  contentOf(conversation, sequence, sentAt).slice(-TOKEN_LENGTH);

/** The offset of the mark of the message that ends before `end`; -1: there is none. */
export function findMark(buffer: Buffer, start: number, end: number): number {
  const first = Math.max(start + MARKED - 1, end - TRAILER);
  for (let at = end - 1; at >= first; at -= 1) if (buffer[at] === MARK) return at;
  return -1;
}

function readDigits(buffer: Buffer, from: number, length: number): number {
  let value = 0;
  for (let at = from; at < from + length; at += 1) value = value * 10 + (buffer[at] ?? 0) - ZERO;
  return value;
}

/** The fields before the mark at `mark`. */
export const sentAtOf = (buffer: Buffer, mark: number): number => readDigits(buffer, mark - TIME_DIGITS, TIME_DIGITS);
export const sequenceOf = (buffer: Buffer, mark: number): number =>
  readDigits(buffer, mark - TIME_DIGITS - SEQUENCE_DIGITS, SEQUENCE_DIGITS);
export const conversationOf = (buffer: Buffer, mark: number): number =>
  readDigits(buffer, mark - MARKED + 1, CONVERSATION_DIGITS);

export const conversationName = (index: number): string => `c${index}`;
