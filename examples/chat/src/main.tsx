/** A small chat built with the hooks. */
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import type { Realtime } from 'realtime-communication-client';
import { RealtimeProvider } from 'realtime-communication-client/react';
import { Chat } from './chat.tsx';
import { signIn, signOut, start } from './client.ts';
import { SignIn } from './sign-in.tsx';
import './style.css';

function App() {
  const [chat, setChat] = useState<Realtime | null>(start);
  if (!chat) return <SignIn onToken={(token) => setChat(signIn(token))} />;
  return (
    <RealtimeProvider chat={chat}>
      <Chat
        onSignOut={() => {
          void signOut(chat);
          setChat(null);
        }}
      />
    </RealtimeProvider>
  );
}

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
