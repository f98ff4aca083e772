/** The process of the load generator: holds the subscribers and counts the messages that they receive. */
import type { LoadCommand, LoadReport, Subscriber } from '../protocol.ts';
import { Client } from './client.ts';
import { DIALECTS } from './dialects.ts';
import { Tally } from './tally.ts';

/** Connections opened at the same time, unless told otherwise: fewer than the backlog of any server. */
const OPENING = 50;

type Prepare = Extract<LoadCommand, { kind: 'prepare' }>;

let prepared: Prepare = { kind: 'prepare', port: 0, dialect: 'graphql', subscribers: 0, conversations: 0 };
let tally = new Tally(0, 0);
let connected = 0;
const send = (report: LoadReport): void => void process.send?.(report);

async function connectAll(subscribers: readonly Subscriber[]): Promise<void> {
  const waiting = subscribers.values();
  const open = async (): Promise<void> => {
    for (const subscriber of waiting) {
      const client = new Client(prepared, connected, subscriber, DIALECTS[prepared.dialect], tally);
      connected += 1;
      await client.subscribed;
    }
  };
  await Promise.all(Array.from({ length: prepared.opening ?? OPENING }, open));
}

async function handle(command: LoadCommand): Promise<LoadReport> {
  switch (command.kind) {
    case 'prepare':
      prepared = command;
      tally = new Tally(command.subscribers, command.conversations);
      return { kind: 'prepared' };
    case 'connect':
      await connectAll(command.subscribers);
      return { kind: 'connected' };
    case 'progress':
      return { kind: 'progress', ...tally.progress() };
    case 'sample':
      return { kind: 'sample', ...tally.sample() };
  }
}

process.on('message', (command: LoadCommand) => void handle(command).then(send));
process.on('disconnect', () => process.exit());
