/** A form for tokens of the users of this page, if the service makes none, for example in production. */
import { type FormEvent, type ReactElement, useState } from 'react';
import { paste } from './tokens.ts';

interface PasteTokensProps {
  /** Why the last tokens were refused; empty: there were none. */
  readonly refused: string;
  readonly onDone: (users: string[]) => void;
}

export function PasteTokens({ refused, onDone }: PasteTokensProps): ReactElement {
  const [fault, setFault] = useState(refused);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const users = ['first', 'second'].map((name) => paste(String(given.get(name))));
    const [first, second] = users;
    if (!first || !second) setFault('A token is three parts with dots between them, and names its user as sub.');
    else onDone([...new Set([first, second])]);
  };
  return (
    <form className="card paste" onSubmit={submit}>
      <h2>Two tokens to begin</h2>
      <p>
        The service makes tokens only outside production, for a page on its own machine.{' '}
        <code>npm run token -- --user alice</code> prints one, where the service has a secret of its own. They stay in
        this page.
      </p>
      <label>
        Token of the first person
        <input name="first" required autoComplete="off" spellCheck={false} />
      </label>
      <label>
        Token of the second person
        <input name="second" required autoComplete="off" spellCheck={false} />
      </label>
      {fault && <p role="alert">{fault}</p>}
      <button type="submit" className="primary">
        Begin
      </button>
    </form>
  );
}
