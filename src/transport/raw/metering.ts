/** The rate of every frame of the raw protocol; null for frames that neither change nor open anything. */
import type { Change, Meter } from '../../model.ts';
import type { Frame, FrameData, FrameType } from './frames.ts';

type Metered = Change | 'subscription' | null;

/** The data of a `Presence` frame determine its operation; for all other frames the type does. */
type Metering<Type extends FrameType> = Type extends 'Presence'
  ? (data: FrameData<Type>) => 'signal' | 'subscription'
  : Metered;

export const FRAMES: { readonly [Type in FrameType]: Metering<Type> } = {
  Subscribe: 'subscription',
  Unsubscribe: null,
  Broadcast: 'message',
  DirectMessage: 'message',
  CreateRoom: 'creation',
  JoinRoom: 'membership',
  LeaveRoom: 'membership',
  RoomMessage: 'message',
  StartMessage: 'append',
  AppendMessage: 'append',
  FinishMessage: 'append',
  StopMessage: 'append',
  Typing: 'signal',
  Presence: ({ status }) => (typeof status === 'string' ? 'signal' : 'subscription'),
  Resume: 'subscription',
  Authenticate: 'subscription',
  Ping: null,
};

/** The people that a frame names are counted in addition, as for its mutation. */
export const peopleIn = ({ type, data }: Frame): number => (type === 'CreateRoom' ? (data.member_ids?.length ?? 0) : 0);

/** Counts a frame before it is handled; a signal is counted by its operation. @throws {ServiceError} RATE_LIMITED. */
export function meterFrame(frame: Frame, meter: Meter): void {
  const { type, data } = frame;
  const by = FRAMES[type] as Metered | ((data: unknown) => Metered);
  const metered = typeof by === 'function' ? by(data) : by;
  if (metered === 'subscription') meter.subscribe();
  else if (metered !== null && metered !== 'signal') meter.count(metered, peopleIn(frame));
}
