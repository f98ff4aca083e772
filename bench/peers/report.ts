/** The interface between a peer's process and the benchmark. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Message, PeerCommand, PeerReport, Usage } from '../protocol.ts';

export interface Peer {
  readonly port: number;
  publish(message: Message): void;
  setup?(members: readonly (readonly string[])[]): Promise<void>;
  /** The processor time, if it is not that of this process. */
  usage?(): Usage;
  stop?(): void;
}

const ownUsage = (): Usage => ({ ...process.cpuUsage(), rss: process.memoryUsage.rss() });

async function collectGarbage(): Promise<void> {
  // Twice: finalizers of the first round release what the second collects.
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc?.();
    await turn();
  }
}

async function handle(peer: Peer, command: PeerCommand): Promise<PeerReport | null> {
  switch (command.kind) {
    case 'setup':
      await peer.setup?.(command.members);
      return { kind: 'ready' };
    case 'publish':
      for (const message of command.messages) peer.publish(message);
      return null;
    case 'usage':
      if (command.collect) await collectGarbage();
      return { kind: 'usage', ...(peer.usage ?? ownUsage)() };
  }
}

/** Reports the port of the peer, and obeys the commands of the benchmark until the benchmark ends. */
export function report(peer: Peer): void {
  const send = (answer: PeerReport): void => void process.send?.(answer);
  process.on('message', (command: PeerCommand) => {
    void handle(peer, command).then((answer) => answer && send(answer));
  });
  process.on('disconnect', () => {
    peer.stop?.();
    process.exit();
  });
  send({ kind: 'listening', port: peer.port });
}
