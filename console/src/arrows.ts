/** The list of messages is one stop for the Tab key. The arrow keys move inside: up and down between messages. */
import type { KeyboardEvent } from 'react';

/** By what each key moves: rows, and buttons within the row. */
const STEPS: Readonly<Record<string, readonly [row: number, button: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  Home: [Number.NEGATIVE_INFINITY, 0],
  End: [Number.POSITIVE_INFINITY, 0],
};

const within = (place: number, count: number): number => Math.min(Math.max(place, 0), count - 1);

/** From the list itself every arrow goes to the last message. Escape goes back to the list. */
export function moveByArrows(event: KeyboardEvent<HTMLElement>): void {
  const { key, currentTarget: list, target } = event;
  const step = STEPS[key];
  if (key === 'Escape') list.focus();
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = [...list.children]
    .map((row) => (row instanceof HTMLButtonElement ? [row] : [...row.querySelectorAll('button')]))
    .filter((buttons) => buttons.length > 0);
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row.includes(target as HTMLButtonElement));
  const from = rows[at];
  const to = from ? rows[within(at + step[0], rows.length)] : rows.at(-1);
  const place = from ? from.indexOf(target as HTMLButtonElement) + step[1] : 0;
  event.preventDefault();
  to?.[within(place, to.length)]?.focus();
}
