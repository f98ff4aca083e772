/** One person: a client of their own, with a connection that can be cut. */
import { type ReactElement, useEffect, useState, useSyncExternalStore } from 'react';
import { createRealtime, type Realtime } from '../../client/src/index.ts';
import { RealtimeProvider, useInbox, usePresence, useStatus } from '../../client/src/react/index.ts';
import { indexedDbStorage } from '../../client/src/storage/index.ts';
import { Avatar } from './avatar.tsx';
import { Composer } from './composer.tsx';
import { Inspector } from './inspector.tsx';
import { Line, type LineState } from './line.ts';
import { Messages } from './messages.tsx';
import { tokenOf } from './tokens.ts';

export interface PaneProps {
  readonly side: 'left' | 'right';
  readonly userId: string;
  readonly peerId: string;
  readonly users: readonly string[];
  readonly conversationId: string;
  readonly hasAssistant: boolean;
  readonly onChoose: (userId: string) => void;
}

interface Person {
  readonly chat: Realtime;
  readonly line: Line;
}

export function Pane(props: PaneProps): ReactElement | null {
  const { userId, side } = props;
  const [person, setPerson] = useState<Person | null>(null);
  useEffect(() => {
    const line = new Line();
    const chat = createRealtime({
      url: `${location.origin}/graphql`,
      getToken: () => tokenOf(userId),
      deviceId: `console-${side}`,
      // A storage for each person: two people in one browser are two devices.
      storage: indexedDbStorage(`console-${side}`),
      webSocket: line.WebSocket,
    });
    setPerson({ chat, line });
    return () => chat.close();
  }, [userId, side]);
  return (
    person && (
      <RealtimeProvider chat={person.chat}>
        <Open {...props} line={person.line} />
      </RealtimeProvider>
    )
  );
}

function Open({ line, ...props }: PaneProps & { readonly line: Line }): ReactElement {
  const { userId, conversationId, peerId, users, side, hasAssistant, onChoose } = props;
  const state = useSyncExternalStore(line.subscribe, line.value);
  const titleId = `${side}-title`;
  return (
    <section className="card pane" aria-labelledby={titleId}>
      <header className="pane-head">
        <Avatar userId={userId} />
        <div className="who">
          <h2 id={titleId}>{userId}</h2>
          <Facts peerId={peerId} conversationId={conversationId} />
        </div>
        <label className="choose">
          <span className="hidden">Person on the {side}</span>
          <select value={userId} onChange={(event) => onChoose(event.target.value)}>
            {users.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <Switch state={state} line={line} userId={userId} />
      </header>
      <Recovered state={state} />
      <Messages userId={userId} conversationId={conversationId} recovered={state.recovery?.messageIds ?? []} />
      <Composer userId={userId} conversationId={conversationId} hasAssistant={hasAssistant} />
      <Inspector state={state} userId={userId} />
    </section>
  );
}

function Facts({ peerId, conversationId }: { readonly peerId: string; readonly conversationId: string }): ReactElement {
  const status = useStatus();
  const peer = usePresence(peerId);
  const unread = useInbox().entries.find(({ conversation }) => conversation.id === conversationId)?.unread ?? 0;
  return (
    <p className="facts">
      <span className="pill" data-status={status}>
        {status}
      </span>
      <span>
        sees {peerId} {(peer?.status ?? 'unknown').toLowerCase()}
      </span>
      {unread > 0 && <span className="pill unread">{unread} unread</span>}
    </p>
  );
}

interface SwitchProps {
  readonly state: LineState;
  readonly line: Line;
  readonly userId: string;
}
const Switch = ({ state, line, userId }: SwitchProps): ReactElement => (
  <button
    type="button"
    role="switch"
    className="switch"
    aria-checked={!state.isCut}
    aria-label={`Connection of ${userId}`}
    onClick={() => line.cut(!state.isCut)}
  >
    <span className="track" aria-hidden="true" />
    {state.isCut ? 'Cut' : 'Connected'}
  </button>
);

const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function Recovered({ state: { recovery, isCut } }: { readonly state: LineState }): ReactElement {
  const said = (): string => {
    if (isCut) return 'The connection is cut. What is written here waits; what others write is told afterwards.';
    if (!recovery) return '';
    const { messageIds, events, ms } = recovery;
    const others = events - messageIds.length;
    const parts = [many(messageIds.length, 'message'), ...(others > 0 ? [many(others, 'other event')] : [])];
    return `Recovered ${parts.join(' and ')} in ${Math.max(1, Math.round(ms))} ms: in order, each once.`;
  };
  return (
    <div className="recovered" role="status" data-shown={isCut || recovery !== null}>
      {said()}
    </div>
  );
}
