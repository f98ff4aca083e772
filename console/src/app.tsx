/** The page: the people shown, or the form for tokens if the service makes none. */
import { type ReactElement, useEffect, useState } from 'react';
import { ASSISTANT } from './assistant.ts';
import { conversationOf, prepare, signIn } from './conversation.ts';
import { Pane } from './pane.tsx';
import { PasteTokens } from './paste-tokens.tsx';
import { ThemeSwitch } from './theme.tsx';
import { NoToken, tokenOf } from './tokens.ts';
import { Users } from './users.tsx';

interface Shown {
  /** The first user created the conversation. */
  readonly users: readonly string[];
  readonly left: string;
  readonly right: string;
}
const FIRST: Shown = { users: ['alice', 'bob'], left: 'alice', right: 'bob' };
const MORE = ['carol', 'dave', 'erin', 'frank', 'grace', 'heidi'];

type Phase = { readonly is: 'starting' | 'ready' } | { readonly is: 'failed' | 'pasting'; readonly message: string };

export function App(): ReactElement {
  const [shown, setShown] = useState(FIRST);
  const [phase, setPhase] = useState<Phase>({ is: 'starting' });
  const [hasAssistant, setAssistant] = useState(false);
  const [isPasted, setPasted] = useState(false);
  const [owner = ''] = shown.users;
  const isPasting = phase.is === 'pasting';

  useEffect(() => {
    if (isPasting) return;
    let isOver = false;
    const begin = async (): Promise<void> => {
      const assistant = await tokenOf(ASSISTANT).then(
        () => true,
        () => false,
      );
      await tokenOf(owner);
      if (isPasted) for (const userId of shown.users) await signIn(userId);
      await prepare(owner, [...shown.users, ...(assistant ? [ASSISTANT] : [])]);
      if (isOver) return;
      setAssistant(assistant);
      setPhase({ is: 'ready' });
    };
    begin().catch((error: Error) => {
      if (isOver) return;
      const message = isPasted ? error.message : '';
      if (isPasted || error instanceof NoToken) setPhase({ is: 'pasting', message });
      else setPhase({ is: 'failed', message: error.message });
    });
    return () => {
      isOver = true;
    };
  }, [isPasting, isPasted, owner, shown.users]);

  const addUser = (): void => {
    const name = MORE.find((candidate) => !shown.users.includes(candidate)) ?? `user-${shown.users.length + 1}`;
    setShown({ ...shown, users: [...shown.users, name] });
  };
  const conversationId = conversationOf(owner);
  return (
    <>
      <header className="top">
        <h1>Real-time console</h1>
        <p>
          Two people on one conversation. Cut a connection, let the other one write, mend it, and see what comes back.
        </p>
        <ThemeSwitch />
      </header>
      <main>
        {phase.is === 'starting' && <p className="notice">Starting …</p>}
        {phase.is === 'failed' && (
          <p className="notice" role="alert">
            The conversation could not be opened: {phase.message}
          </p>
        )}
        {isPasting && (
          <PasteTokens
            refused={phase.message}
            onDone={(users) => {
              const [left = '', right = left] = users;
              setPasted(true);
              setShown({ users, left, right });
              setPhase({ is: 'starting' });
            }}
          />
        )}
        {phase.is === 'ready' && (
          <>
            <div className="panes">
              {(['left', 'right'] as const).map((side) => (
                <Pane
                  key={`${side}-${shown[side]}`}
                  side={side}
                  userId={shown[side]}
                  peerId={shown[side === 'left' ? 'right' : 'left']}
                  users={shown.users}
                  conversationId={conversationId}
                  hasAssistant={hasAssistant}
                  onChoose={(userId) => setShown({ ...shown, [side]: userId })}
                />
              ))}
            </div>
            <Users users={shown.users} onAdd={addUser} canAdd={hasAssistant} />
          </>
        )}
      </main>
    </>
  );
}
