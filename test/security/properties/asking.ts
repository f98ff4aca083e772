/** Asks every possible question, over HTTP and both kinds of socket. */
import { encodePosition } from '../../../src/domain/cursor.ts';
import type { UserId } from '../../../src/model.ts';
import { HANDLERS } from '../../../src/transport/raw/handlers.ts';
import type { Random } from '../../faults/random.ts';
import { eventually } from '../../support/eventually.ts';
import type { TestService } from '../../support/service.ts';
import { openSocket, type RawSocket } from '../../support/socket.ts';
import type { History } from './history.ts';
import { NO_MESSAGE, type Questions, type Subject } from './questions.ts';
import type { Place } from './secrets.ts';
import type { Asker, Told } from './told.ts';

/** They would take the tokens away by which everything else is asked. */
const ENDS_THE_ASKER = new Set(['revokeUser', 'revokeOtherSessions']);

/** By which a service adds itself: it is asked last, and left at once, so that all else is asked by who is no member. */
const JOINING = ['joinConversation', 'JoinRoom', 'leaveConversation', 'LeaveRoom'];
const turnOf = (name: string): number => JOINING.indexOf(name);

/** Which questions are put: every n-th, others each time, so that after n times each was put. Joining and leaving always are. */
export class Sample {
  readonly #every: number;
  #times = -1;

  constructor(every: number) {
    this.#every = every;
  }

  /** Before the questions of one asker about one conversation. */
  next(): void {
    this.#times += 1;
  }

  /** The two ways to ask for a field have one index after the other: where every second is put, each asker takes one of them. */
  has(name: string, index: number): boolean {
    return JOINING.includes(name) || (index + this.#times) % this.#every === 0;
  }
}

export interface Asking {
  /** Listens to everything of the asker's own. */
  listen(): Promise<void>;
  /** Asks everything about a conversation. */
  askAbout(place: Place): Promise<void>;
  /** Judges what was heard up to now. */
  judgeHeard(): void;
  close(): void;
}

export interface AskingOptions {
  readonly service: TestService;
  readonly asker: Asker;
  readonly questions: Questions;
  readonly history: History;
  readonly told: Told;
  readonly random: Random;
  /** Shared by all who ask. */
  readonly sample: Sample;
}

export async function openAsking(options: AskingOptions): Promise<Asking> {
  const { service, asker, questions, history, told, random, sample } = options;
  const { tenant, userId, scope } = asker;
  const isService = scope === 'realtime:service';
  const token = await service.token(userId, { tenant, scope });
  /** Judged once it is known who is a member of what by then. */
  const heard: string[] = [];
  const hear = (data: Buffer): void => void heard.push(data.toString());
  const graphql = await openSocket(service.wsUrl, ['graphql-transport-ws']);
  graphql.socket.on('message', hear);
  graphql.send({ type: 'connection_init', payload: { token } });
  const raw = await openSocket(`${service.url.replace('http', 'ws')}/ws?token=${token}`, []);
  raw.socket.on('message', hear);
  await Promise.all([graphql.frame(0), raw.frame(0)]);
  let count = 0;

  function judgeHeard(): void {
    for (const frame of heard.splice(0)) told.sent(asker, frame);
  }

  /** Asks, and judges the answer by what the asker is a member of before and after. */
  async function judge(question: string, ask: () => Promise<string>): Promise<void> {
    const before = await history.memberships(tenant, userId);
    const answer = await ask();
    const after = await history.memberships(tenant, userId);
    // What is asked may make anybody a member, who then hears of it.
    for (const place of history.places) await history.note(place);
    judgeHeard();
    told.answered(
      asker,
      answer,
      question,
      (place) => place.tenant === tenant && (before.has(place) || after.has(place)),
    );
  }

  async function post(query: string): Promise<string> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query }),
    });
    return response.text();
  }

  async function subscribe(query: string): Promise<void> {
    count += 1;
    graphql.send({ type: 'subscribe', id: `s-${count}`, payload: { query } });
    // Frames are handled in order: the answer to this says that the one before was accepted or refused.
    await answered(graphql, { type: 'subscribe', id: `q-${count}`, payload: { query: '{ __typename }' } });
    graphql.send({ type: 'complete', id: `s-${count}` });
  }

  async function subjectOf(place: Place): Promise<Subject> {
    const position = await history.positionOf(place);
    return {
      conversationId: place.conversation,
      messageId: history.messageOf(place) ?? NO_MESSAGE,
      userId: 'ann' as UserId,
      position: position ? encodePosition(place.conversation, position) : 'none',
      // The same for all who ask, so that a document is parsed once.
      isMessage: history.places.indexOf(place) % 2 === 1,
      onBehalfOf: isService ? await history.memberOf(place) : null,
    };
  }

  async function askByGraphql(subject: Subject): Promise<void> {
    for (const kind of ['query', 'mutation'] as const) {
      const fields = questions.rootFields(kind).toSorted((one, other) => turnOf(one.name) - turnOf(other.name));
      for (const [index, field] of fields.entries()) {
        if (ENDS_THE_ASKER.has(field.name)) continue;
        const ways = [
          questions.whole(kind, field, subject),
          questions.leaves(kind, field, subject),
          questions.chain(kind, field, subject, random),
        ];
        for (const [n, query] of ways.entries())
          if (sample.has(field.name, index + n)) await judge(query, () => post(query));
      }
    }
    for (const [index, field] of questions.rootFields('subscription').entries())
      if (sample.has(field.name, index)) await subscribe(questions.whole('subscription', field, subject));
  }

  async function askByFrames(subject: Subject): Promise<void> {
    const data = {
      topics: [subject.conversationId],
      topic: subject.conversationId,
      payload: 'x',
      target_user: subject.userId,
      room: subject.conversationId,
      conversation_id: subject.conversationId,
      is_typing: true,
      watch: [subject.userId],
      positions: [subject.position],
      token,
      ...(subject.onBehalfOf === null ? {} : { on_behalf_of: subject.onBehalfOf }),
    };
    const types = Object.keys(HANDLERS).toSorted((one, other) => turnOf(one) - turnOf(other));
    for (const [index, type] of types.entries()) {
      if (!sample.has(type, index)) continue;
      count += 1;
      const frame = { type, data, id: `f-${count}` };
      await judge(JSON.stringify(frame), () => answered(raw, frame));
    }
  }

  return {
    async listen() {
      const nothing = {
        conversationId: null,
        messageId: NO_MESSAGE,
        userId,
        position: 'none',
        isMessage: false,
        onBehalfOf: null,
      };
      for (const field of questions.rootFields('subscription')) {
        count += 1;
        const payload = { query: questions.whole('subscription', field, nothing) };
        graphql.send({ type: 'subscribe', id: `l-${count}`, payload });
      }
      count += 1;
      await answered(graphql, { type: 'subscribe', id: `q-${count}`, payload: { query: '{ __typename }' } });
    },
    async askAbout(place) {
      const isMember = (await history.memberships(tenant, userId)).has(place);
      // Who is one may know: what else they are told of shows when others ask.
      if (isMember || place.tenant !== tenant) return;
      sample.next();
      const subject = await subjectOf(place);
      await askByGraphql(subject);
      await askByFrames(subject);
    },
    judgeHeard,
    close() {
      graphql.socket.close();
      raw.socket.close();
    },
  };
}

interface Frame {
  readonly id: string;
  readonly type: string;
  readonly payload?: unknown;
  readonly data?: unknown;
}

/** Sends a frame; answers what comes back under its id. */
async function answered(socket: RawSocket, frame: Frame): Promise<string> {
  socket.send(frame);
  return eventually(() => {
    const answer = socket.frames.find(({ id }) => id === frame.id);
    if (!answer) throw new Error(`No answer to ${frame.type} of ${frame.id}.`);
    return JSON.stringify(answer);
  });
}
