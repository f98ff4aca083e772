/**
 * Tabs of one person, which share an outbox and a session, while tabs close, clocks jump and the disk fails.
 *
 * What was in storage when its tab closed is stored by the service, and what the tabs that are open at the end were given.
 */
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { type DiskState, Machine, Tab } from './tab.ts';

export type OutboxAct =
  | 'write'
  | 'write-many'
  | 'close'
  | 'reload'
  | 'cut'
  | 'lose-answers'
  | 'down'
  | 'up'
  | 'pass'
  | 'jump'
  | 'sleep'
  | 'disk'
  | 'rest';
export interface OutboxStep {
  readonly act: OutboxAct;
  readonly tab: number;
  readonly room: number;
  readonly pick: number;
}

const HOUR_MS = 3_600_000;
const SPANS_MS = [60_000, HOUR_MS, 5 * HOUR_MS, 30 * HOUR_MS, 72 * HOUR_MS] as const;
const TABS = [0, 1] as const;
const DISKS: readonly DiskState[] = ['good', 'full', 'good', 'broken'];
/** The service knows a `clientMessageId` for a day; the client gives up an hour earlier. */
const KNOWN_FOR_MS = 23 * HOUR_MS;
const CREATE = `mutation ($id: ID!) { createConversation(input: {id: $id, name: "Team", kind: GROUP, memberIds: []}) { id } }`;
const ALL = `query ($id: ID!, $after: String) { conversation(id: $id) {
  messages(first: 500, after: $after) { nodes { sequence content } pageInfo { hasNextPage endCursor } }
} }`;

interface Written {
  readonly room: string;
  readonly text: string;
  /** Which of the two tabs. */
  readonly slot: number;
}

export class OutboxHistory {
  readonly rooms = [newId(), newId()];
  readonly #user = `alice-${newId()}`;
  readonly #machine = new Machine();
  readonly #written: Written[] = [];
  /** Texts that were in storage when their tab closed. */
  readonly #owed = new Set<string>();
  /** Of each tab and room: the highest place that it has shown. */
  readonly #shown = new Map<string, number>();
  readonly #backwards: string[] = [];
  readonly #spans: number[] = [];
  #tabs: (Tab | null)[] = [];
  #service!: TestService;
  #proxy!: TcpProxy;

  async begin(): Promise<void> {
    this.#service = await startTestService();
    this.#proxy = await startTcpProxy(this.#service.service.port);
    for (const id of this.rooms) await this.#service.query(this.#user, CREATE, { id });
    for (const slot of TABS) await this.#open(slot);
  }

  async take({ act, tab: slot, room, pick }: OutboxStep): Promise<void> {
    const id = this.rooms[room] ?? '';
    switch (act) {
      case 'write':
        await this.#write(slot, id, 1);
        break;
      case 'write-many':
        await this.#write(slot, id, 8);
        break;
      case 'close':
        this.#close(slot, pick % 2 > 0);
        break;
      case 'reload':
        this.#close(slot, pick % 2 > 0);
        await this.#open(slot);
        break;
      case 'cut':
      case 'up':
        this.#proxy.redirect(this.#service.service.port);
        break;
      case 'lose-answers':
        this.#proxy.swallowAnswers();
        break;
      case 'down':
        this.#proxy.redirect(1);
        break;
      case 'pass':
        this.#pass(spanOf(pick), true);
        break;
      case 'sleep':
        this.#pass(spanOf(pick), false);
        break;
      case 'jump':
        this.#jump(pick % 2 > 0 ? spanOf(pick) : -spanOf(pick));
        break;
      case 'disk':
        this.#machine.state = DISKS[pick % DISKS.length] ?? 'good';
        break;
      case 'rest':
        await this.#rest();
    }
    this.#look();
  }

  /** Everything works again; waits until the tabs are at rest, and answers what is not as promised. */
  async differences(): Promise<string[]> {
    this.#machine.state = 'good';
    this.#proxy.redirect(this.#service.service.port);
    await this.#rest();
    // What a closed tab left is sent by the tab that is opened next.
    for (const slot of TABS) this.#close(slot, false);
    for (const slot of TABS) await this.#open(slot);
    await this.#rest();
    this.#look();
    const found = [...this.#backwards, ...this.#machine.spent.twice];
    for (const id of this.rooms) found.push(...(await this.#differencesIn(id)));
    return found;
  }

  async end(): Promise<void> {
    for (const slot of TABS) this.#close(slot, false);
    await this.#proxy.close();
    await this.#service.close();
  }

  async #open(slot: number): Promise<Tab> {
    const tab = await new Tab(this.#machine).open({
      url: `http://127.0.0.1:${this.#proxy.port}/graphql`,
      session: true,
      getToken: () =>
        this.#service.token(this.#user, { expiresAt: Math.floor(this.#service.clock.now() / 1_000) + 600 }),
    });
    for (const id of this.rooms) tab.chat.conversation(id).messages.subscribe(() => undefined);
    this.#tabs[slot] = tab;
    return tab;
  }

  #close(slot: number, losesCalls: boolean): void {
    this.#tabs[slot]?.close(losesCalls);
    this.#tabs[slot] = null;
    for (const id of this.rooms) this.#shown.delete(`${slot} ${id}`);
    for (const [key, value] of this.#machine.values)
      if (key.startsWith('outbox/')) this.#owed.add((value as { readonly content: string }).content);
  }

  async #write(slot: number, room: string, times: number): Promise<void> {
    const tab = this.#tabs[slot] ?? (await this.#open(slot));
    for (let time = 0; time < times; time += 1) {
      const text = `message ${this.#written.length + 1}`;
      this.#written.push({ room, text, slot });
      await tab.chat.conversation(room).send(text);
    }
  }

  /** `isAwake`: the timers of the tabs run. */
  #pass(ms: number, isAwake: boolean): void {
    this.#spans.push(ms);
    if (isAwake) this.#machine.passedMs += ms;
    else this.#machine.wrongMs += ms;
    this.#service.clock.advance(ms);
    for (const tab of this.#tabs) {
      if (isAwake) tab?.runDue();
      else tab?.tell('pageshow');
    }
  }

  #jump(ms: number): void {
    this.#spans.push(ms);
    this.#machine.wrongMs += ms;
  }

  /** Nothing is unsent but what has failed; a tab that was closed waits for nothing. */
  async #rest(): Promise<void> {
    this.#machine.state = 'good';
    this.#proxy.redirect(this.#service.service.port);
    await eventually(() => {
      for (const tab of this.#tabs) {
        if (!tab) continue;
        const sending = this.rooms.flatMap((id) =>
          tab.chat.conversation(id).messages.value.messages.filter(({ status }) => status === 'sending'),
        );
        expect([tab.chat.status.value, sending.map(({ content }) => content)]).toEqual(['live', []]);
      }
    }, 30_000);
  }

  /** No tab shows less than it has shown. */
  #look(): void {
    for (const [slot, tab] of this.#tabs.entries()) {
      if (!tab) continue;
      for (const id of this.rooms) {
        const shown = tab.chat
          .conversation(id)
          .messages.value.messages.findLast(({ status }) => status === 'sent')?.sequence;
        const key = `${slot} ${id}`;
        const before = this.#shown.get(key) ?? 0;
        if (typeof shown === 'number' && shown < before) this.#backwards.push(`${key}: ${shown} after ${before}`);
        if (typeof shown === 'number') this.#shown.set(key, shown);
      }
    }
  }

  async #stored(id: string): Promise<string[]> {
    const contents: string[] = [];
    for (let after: string | null = null; ; ) {
      const { data }: { data: Data } = await this.#service.query(this.#user, ALL, { id, after });
      const { nodes, pageInfo } = data.conversation.messages;
      contents.push(...nodes.map(({ content }: Data) => content));
      if (!pageInfo.hasNextPage) return contents;
      after = pageInfo.endCursor;
    }
  }

  async #differencesIn(id: string): Promise<string[]> {
    const stored = await this.#stored(id);
    const found: string[] = [];
    const isStored = new Set(stored);
    if (isStored.size !== stored.length)
      found.push(`twice: ${stored.filter((text, index) => stored.indexOf(text) !== index)}`);
    const failed = this.#failed(id);
    found.push(...failed.filter(({ isTold }) => !isTold).map(({ text, code }) => `failed: ${text} ${code}`));
    const given = new Set(failed.map(({ text }) => text));
    const written = this.#written.filter(({ room }) => room === id);
    for (const { text } of written)
      if (this.#owed.has(text) && !isStored.has(text) && !given.has(text)) found.push(`missing: ${text}`);
    for (const slot of TABS) {
      const own = written.filter((one) => one.slot === slot && isStored.has(one.text)).map(({ text }) => text);
      const inOrder = stored.filter((text) => own.includes(text));
      if (JSON.stringify(own) !== JSON.stringify(inOrder)) found.push(`order of tab ${slot}: ${inOrder}`);
    }
    return found;
  }

  /** `isTold`: the clock has passed the time for which the service knows an id. */
  #failed(id: string): { text: string; code: string; isTold: boolean }[] {
    const isLong = this.#spans.some((ms) => Math.abs(ms) > KNOWN_FOR_MS);
    return this.#tabs.flatMap((tab) =>
      (tab?.chat.conversation(id).messages.value.messages ?? []).flatMap((message) =>
        message.status === 'failed'
          ? [
              {
                text: message.content,
                code: message.error?.code ?? '',
                isTold: message.error?.code === 'CONFLICT' && isLong,
              },
            ]
          : [],
      ),
    );
  }
}

const spanOf = (pick: number): number => SPANS_MS[pick % SPANS_MS.length] ?? HOUR_MS;
