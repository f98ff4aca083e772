/** Frames of the raw protocol as clients send them; see docs/websocket-protocol.md. */
import { z } from 'zod';
import { badInput, ServiceError } from '../../errors.ts';
import { faultOfNumbers } from '../../exact-json.ts';
import { LIMITS } from '../../limits.ts';

/** Checked up to the first item that is not a string, since Zod's own array reports an error for each item. */
const texts = z.custom<string[]>(
  (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  'must be an array of strings',
);
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/**
 * The fields of each frame type: all arguments of its mutation. The domain checks ids, topics and payloads. Unknown
 * fields are ignored, since clients of the older service may send more.
 */
export const DATA = {
  Subscribe: z.object({ topics: texts }),
  Unsubscribe: z.object({ topics: texts }),
  Broadcast: z.object({ topic: z.string(), payload: z.unknown(), idempotency_key: z.string().nullish() }),
  DirectMessage: z.object({
    target_user: z.string(),
    content: z.string().nullish(),
    payload: z.unknown().optional(),
    client_message_id: z.string().nullish(),
    // Refused and not ignored, since the message would be sent as the service itself.
    on_behalf_of: z
      .custom<null>((value) => value === null, 'must be left out: RoomMessage and StartMessage have it')
      .optional(),
  }),
  CreateRoom: z.object({ room: z.string(), name: z.string().nullish(), member_ids: texts.nullish() }),
  JoinRoom: z.object({ room: z.string() }),
  LeaveRoom: z.object({ room: z.string() }),
  RoomMessage: z.object({
    room: z.string(),
    content: z.string().nullish(),
    payload: z.unknown().optional(),
    reply_to_id: z.string().nullish(),
    client_message_id: z.string().nullish(),
    on_behalf_of: z.string().nullish(),
  }),
  StartMessage: z.object({
    conversation_id: z.string(),
    content: z.string().nullish(),
    payload: z.unknown().optional(),
    reply_to_id: z.string().nullish(),
    client_message_id: z.string().nullish(),
    on_behalf_of: z.string().nullish(),
  }),
  AppendMessage: z.object({ id: z.string(), offset: z.number(), text: z.string(), payload: z.unknown().optional() }),
  FinishMessage: z.object({
    id: z.string(),
    state: z.enum(['COMPLETE', 'ABORTED']).nullish(),
    content: z.string().nullish(),
    payload: z.unknown().optional(),
  }),
  StopMessage: z.object({ id: z.string() }),
  Typing: z.object({ conversation_id: z.string(), is_typing: z.boolean() }),
  Presence: z
    .object({ status: z.string().nullish(), status_text: z.string().nullish(), watch: texts.nullish() })
    .refine((data) => isGiven(data.status) !== isGiven(data.watch), 'must have either status or watch')
    .refine((data) => !isGiven(data.watch) || !isGiven(data.status_text), 'status_text can be given only with status'),
  Resume: z.object({ positions: texts }),
  Authenticate: z.object({ token: z.string() }),
  Ping: z.unknown(),
} as const;

export type FrameType = keyof typeof DATA;
export type FrameData<Type extends FrameType> = z.infer<(typeof DATA)[Type]>;
export type Frame = {
  readonly [Type in FrameType]: { readonly type: Type; readonly data: FrameData<Type> };
}[FrameType];

const isType = (type: unknown): type is FrameType => typeof type === 'string' && Object.hasOwn(DATA, type);

/** The client's own id of a frame, which comes back on the answer; null for none. */
function idOf(frame: object): string | null {
  const { id } = frame as { readonly id?: unknown };
  if (id === undefined || id === null) return null;
  if (typeof id === 'string' && id.length <= LIMITS.idCharacters) return id;
  throw badInput(`id: must be a string of at most ${LIMITS.idCharacters} characters.`);
}

function dataOf(type: FrameType, given: unknown): unknown {
  const { success, data, error } = DATA[type].safeParse(given);
  if (success) return data;
  const [issue] = error.issues;
  const place = ['data', ...(issue?.path ?? [])].join('.');
  throw badInput(`${place}: ${issue?.code === 'invalid_type' ? `must be of type ${issue.expected}` : issue?.message}.`);
}

/** GraphQL arguments with another name in a frame of this type. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  DirectMessage: { userId: 'target_user' },
  CreateRoom: { id: 'room' },
  JoinRoom: { id: 'room' },
  LeaveRoom: { id: 'room' },
  RoomMessage: { conversationId: 'room' },
  Presence: { userIds: 'watch' },
  Resume: { after: 'positions' },
};

const inSnakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** An error message about an argument, with its name in the frame. */
export function inWordsOf(type: FrameType, message: string): string {
  return message.replace(/^[a-zA-Z]+(?=:)/, (name) => RENAMED[type]?.[name] ?? inSnakeCase(name));
}

/** A frame that is invalid, with its id. */
export class FrameError extends ServiceError {
  readonly frameId: string | null;

  constructor({ code, message }: ServiceError, frameId: string | null) {
    super(code, message);
    this.frameId = frameId;
  }
}

/** @throws {FrameError} BAD_USER_INPUT for an invalid frame. */
export function parseFrame(text: string): { readonly id: string | null; readonly frame: Frame } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FrameError(badInput('A frame must be a JSON object.'), null);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FrameError(badInput('A frame must be a JSON object.'), null);
  }
  let id: string | null = null;
  try {
    id = idOf(value);
    const { type, data } = value as { readonly type?: unknown; readonly data?: unknown };
    const fault = faultOfNumbers(text);
    if (fault !== null) throw badInput(fault);
    if (!isType(type)) throw badInput(`type: must be one of ${Object.keys(DATA).join(', ')}.`);
    return { id, frame: { type, data: dataOf(type, data) } as Frame };
  } catch (error) {
    throw error instanceof ServiceError ? new FrameError(error, id) : error;
  }
}
