import type { FormEvent } from 'react';

export function SignIn({ onToken }: { onToken: (token: string) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim();
    if (token !== '') onToken(token);
  };
  return (
    <main className="sign-in">
      <h1>Chat</h1>
      <form onSubmit={submit}>
        <label htmlFor="token">Token</label>
        <textarea id="token" name="token" rows={5} required />
        <p>
          <code>npm run token -- --user alice</code> prints one for development.
        </p>
        <button type="submit">Sign in</button>
      </form>
    </main>
  );
}
