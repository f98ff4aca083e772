/** Counts the answers of Redis that an operation waits for one after the other, independent of the machine's speed. */
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** Of the event loop: what an answer leads to is asked within them. */
const TURNS = 10;

type Command = Parameters<Redis['sendCommand']>[0];
interface Rounds {
  /** Of commands that are sent from now on, answers are held back until there is one to each of them. */
  next(): Promise<readonly (() => void)[]>;
  end(): void;
}

function holdAnswers(): Rounds {
  const { sendCommand } = Redis.prototype;
  const unanswered = new Set<Command>();
  let held: (() => void)[] = [];
  let sent = 0;
  let told: () => void = () => undefined;
  Redis.prototype.sendCommand = function (command, stream) {
    // The answer to a command that is sent again was taken when it was sent first.
    if (!unanswered.has(command)) {
      const { resolve, reject } = command;
      const hold = (answer: () => void): void => {
        unanswered.delete(command);
        held.push(answer);
        told();
      };
      sent += 1;
      unanswered.add(command);
      command.resolve = (value) => hold(() => resolve(value));
      command.reject = (error) => hold(() => reject(error));
    }
    return sendCommand.call(this, command, stream);
  };
  const answered = async (): Promise<void> => {
    while (unanswered.size > 0) await new Promise<void>((resolve) => (told = resolve));
  };
  return {
    async next() {
      for (let before = -1; before !== sent; ) {
        before = sent;
        await answered();
        for (let n = 0; n < TURNS; n += 1) await turn();
      }
      const all = held;
      held = [];
      return all;
    },
    end() {
      Redis.prototype.sendCommand = sendCommand;
    },
  };
}

/**
 * All that is asked at once is answered at once, in rounds; a round counts while the operation waits. It resolves once
 * nothing is left under way, so that the next operation begins alone. The engine's clock has to stand still.
 */
export async function countRounds(operate: () => Promise<unknown>): Promise<number> {
  const rounds = holdAnswers();
  try {
    let isAnswered = false;
    let count = 0;
    const answer = operate().finally(() => {
      isAnswered = true;
    });
    for (;;) {
      const held = await rounds.next();
      if (isAnswered && held.length === 0) break;
      if (!isAnswered) count += 1;
      for (const give of held) give();
    }
    await answer;
    return count;
  } finally {
    rounds.end();
  }
}
