import type { ReactElement } from 'react';

const HUES = 6;

/** The same colour for the same user. */
export function Avatar({ userId }: { readonly userId: string }): ReactElement {
  const hue = [...userId].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % HUES;
  return (
    <span className="avatar" data-hue={hue} aria-hidden="true">
      {userId.slice(0, 2).toUpperCase()}
    </span>
  );
}
