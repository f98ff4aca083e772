/** The frames, positions and sockets of a person's connection. */
import { type KeyboardEvent, type ReactElement, useId, useState } from 'react';
import type { Frame, LineState } from './line.ts';

const TABS = ['Frames', 'Positions', 'Sockets'] as const;
type Tab = (typeof TABS)[number];

const timeOf = (at: number): string => new Date(at).toLocaleTimeString([], { hour12: false });

export function Inspector({ state, userId }: { readonly state: LineState; readonly userId: string }): ReactElement {
  const [tab, setTab] = useState<Tab>('Frames');
  const id = useId();
  /** Follows the ARIA pattern for tabs: arrow keys move among them, Tab leaves them. */
  const move = (event: KeyboardEvent<HTMLButtonElement>): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? 'Frames';
    setTab(next);
    document.getElementById(`${id}-${next}`)?.focus();
  };
  return (
    <details className="inspector">
      <summary>
        Inspect<span className="hidden"> the connection of {userId}</span>
        <span className="counts">
          {state.sockets.filter(({ closedAt }) => closedAt === null).length} open, {state.sockets.length} so far
        </span>
      </summary>
      <div role="tablist" aria-label={`Connection of ${userId}`}>
        {TABS.map((name) => (
          <button
            key={name}
            id={`${id}-${name}`}
            type="button"
            role="tab"
            aria-selected={name === tab}
            aria-controls={`${id}-panel`}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => setTab(name)}
            onKeyDown={move}
          >
            {name}
          </button>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard. */}
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`} tabIndex={0}>
        {tab === 'Frames' && <Frames frames={state.frames} />}
        {tab === 'Positions' && <Positions state={state} />}
        {tab === 'Sockets' && <Sockets state={state} />}
      </div>
    </details>
  );
}

const SIGNS = { sent: '↑ sent', received: '↓ received', note: '•' } as const;

const Frames = ({ frames }: { readonly frames: readonly Frame[] }): ReactElement => (
  <ol className="frames">
    {frames.map((frame) => (
      <li key={frame.id} data-direction={frame.direction}>
        <span className="frame-head">
          {timeOf(frame.at)} socket {frame.socket} {SIGNS[frame.direction]}
        </span>
        <code>{frame.text}</code>
      </li>
    ))}
  </ol>
);

const Positions = ({ state: { positions } }: { readonly state: LineState }): ReactElement => (
  <dl className="positions">
    <dt>Last checkpoint</dt>
    <dd>
      <code>{positions.checkpoint ?? 'none yet'}</code>
    </dd>
    <dt>Messages since then, the latest of each conversation</dt>
    <dd>
      {Object.entries(positions.since).map(([conversationId, position]) => (
        <code key={conversationId}>
          {conversationId}: {position}
        </code>
      ))}
      {Object.keys(positions.since).length === 0 && 'none'}
    </dd>
    <dt>The last subscription went on after</dt>
    <dd>
      {positions.resumedAt?.map((position) => <code key={position}>{position}</code>) ?? 'nothing: it began anew'}
    </dd>
  </dl>
);

const Sockets = ({ state: { sockets } }: { readonly state: LineState }): ReactElement => (
  <table>
    <thead>
      <tr>
        <th scope="col">Socket</th>
        <th scope="col">Opened</th>
        <th scope="col">Closed</th>
        <th scope="col">Code</th>
      </tr>
    </thead>
    <tbody>
      {sockets.map(({ id, openedAt, closedAt, code }) => (
        <tr key={id}>
          <td>{id}</td>
          <td>{timeOf(openedAt)}</td>
          <td>{closedAt === null ? 'open' : timeOf(closedAt)}</td>
          <td>{code ?? ''}</td>
        </tr>
      ))}
    </tbody>
  </table>
);
