/** Events that wait in order, within a number and an amount of bytes. Streams of one channel share the objects. */
import { LIMITS } from '../limits.ts';

/** Bytes of events as JSON, for those whose size was asked. */
const SIZES = new WeakMap<object, number>();

export function sizeOf(event: object): number {
  const size = SIZES.get(event) ?? Buffer.byteLength(JSON.stringify(event));
  SIZES.set(event, size);
  return size;
}

/** An item is an event, or contains one. */
export class BoundedEvents<Item, Event extends object = Item & object> {
  readonly #eventOf: (item: Item) => Event;
  #items: Item[] = [];
  #bytes = 0;

  constructor(eventOf: (item: Item) => Event) {
    this.#eventOf = eventOf;
  }

  /** Whether a replay should wait, if it may run ahead by `most` events. */
  isLong(most: number): boolean {
    return this.#items.length > most || this.#bytes > LIMITS.queuedEventBytes / 2;
  }

  /** False when there are too many now. */
  add(item: Item): boolean {
    this.#items.push(item);
    this.#bytes += sizeOf(this.#eventOf(item));
    return this.#items.length <= LIMITS.queuedEvents && this.#bytes <= LIMITS.queuedEventBytes;
  }

  take(): Item | undefined {
    const next = this.#items.shift();
    if (next) this.#bytes -= sizeOf(this.#eventOf(next));
    return next;
  }

  takeAll(): Item[] {
    const all = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return all;
  }

  withdraw(isWithdrawn: (event: Event) => boolean): void {
    for (const item of this.takeAll()) if (!isWithdrawn(this.#eventOf(item))) this.add(item);
  }
}
