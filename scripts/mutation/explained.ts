/** Mutants that change nothing that a test could observe, each with its reason. A change of the code makes an entry stale. */
import { EXPLAINED_OF_DELIVERY } from './explained-delivery.ts';
import { EXPLAINED_OF_TRANSPORT } from './explained-transport.ts';
import type { Mutant } from './sandbox.ts';

export interface Explained {
  readonly file: string;
  /** The line of code in which it begins. */
  readonly code: string;
  readonly original: string;
  readonly replacement: string;
  readonly because: string;
}

export const EXPLAINED: readonly Explained[] = [
  {
    file: 'src/domain/input.ts',
    code: "if (run.length > MOST_MARKS) return value.replace(PART, (part) => part.normalize('NFC'));",
    original: 'run.length > MOST_MARKS',
    replacement: 'true',
    because: 'Without longer runs the parts are normalised as the whole is, which takes half the time.',
  },
  {
    file: 'src/domain/message-reads.ts',
    code: 'return messages.flatMap((message) => partOf(conversation, message) ?? []);',
    original: '[]',
    replacement: '["Stryker was here"]',
    because: 'A page is read by the id of its conversation, and has no message of another one.',
  },
  {
    file: 'src/engine/embedded/bus.ts',
    code: 'if (group.size === 0 && listeners.get(key) === group) listeners.delete(key);',
    original: 'listeners.delete(key);',
    replacement: ';',
    because: 'A channel whose listeners have gone takes a little memory, and announces to nobody.',
  },
  {
    file: 'src/engine/embedded/wal-checkpoints.ts',
    code: 'this.#isRunning = true;',
    original: 'true',
    replacement: 'false',
    because: 'A pass that is asked for during another one runs after it, and finds nothing more to write.',
  },
  {
    file: 'src/engine/embedded/event-pulls.ts',
    code: 'if (last > row.place) this.#sql.movePartition.run(last, row.consumer, row.partition);',
    original: 'last > row.place',
    replacement: 'last >= row.place',
    because: 'A position that is moved to where it is does not move.',
  },
  {
    file: 'src/engine/embedded/event-pulls.ts',
    code: 'if (handed.events.length >= max || handed.bytes >= LIMITS.readingBytes) break;',
    original: 'handed.events.length >= max',
    replacement: 'handed.events.length > max',
    because: 'A pull that is full takes nothing of the partitions that follow.',
  },
  {
    file: 'src/engine/embedded/group-commit.ts',
    code: 'if (open) save();',
    original: 'open',
    replacement: 'true',
    because: 'The first write is undone with its transaction, and the commit releases its savepoint.',
  },
  {
    file: 'src/engine/redis/forwarding.ts',
    code: 'if (!isWhole || this.#clock.now() - notedAt < TIMES.unforwardedMs) continue;',
    original: 'this.#clock.now() - notedAt < TIMES.unforwardedMs',
    replacement: 'this.#clock.now() - notedAt <= TIMES.unforwardedMs',
    because: 'A note of exactly this age is forgotten by the next pull.',
  },
  {
    file: 'src/engine/redis/diagnosis.ts',
    code: "const isCutOff = ({ code }: NodeJS.ErrnoException): boolean => code === 'ECONNRESET' || code === 'EPIPE';",
    original: "code === 'EPIPE'",
    replacement: 'false',
    because: 'Which of the two codes the system reports depends on the moment at which the connection ends.',
  },
  {
    file: 'src/engine/redis/known-consumers.ts',
    code: 'if (this.#known.size > LIMITS.consumingTenants && oldest !== undefined) this.#known.delete(oldest);',
    original: 'oldest !== undefined',
    replacement: 'true',
    because: 'A cache that is full has an oldest entry.',
  },
  {
    file: 'src/engine/redis/lists.ts',
    code: 'for (let at = 0; at < all.length; at += this.#together) {',
    original: 'at < all.length',
    replacement: 'at <= all.length',
    because: 'A part without lists changes none.',
  },
  {
    file: 'src/access/keys.ts',
    code: "return subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['verify']);",
    original: 'false',
    replacement: 'true',
    because: 'A key that may be exported is not exported anywhere.',
  },
  {
    file: 'src/access/revocation.ts',
    code: 'if (issuedAt === null) return true;',
    original: 'issuedAt === null',
    replacement: 'false',
    because: 'Null counts as 0 in arithmetic: the token was issued before every revocation.',
  },
  {
    file: 'src/access/tokens.ts',
    code: 'if (earlier && clock.now() < earlier.expiry && clock.elapsed() < earlier.until) return earlier.verification;',
    original: 'clock.elapsed() < earlier.until',
    replacement: 'clock.elapsed() <= earlier.until',
    because: 'A verified token is verified again a fraction of a millisecond later.',
  },
  {
    file: 'src/access/tokens.ts',
    code: 'expected: { issuer: SESSION_ISSUER },',
    original: '{ issuer: SESSION_ISSUER }',
    replacement: '{}',
    because: 'Only tokens of this issuer are tried with the keys of sessions.',
  },
  {
    file: 'src/access/tokens.ts',
    code: '} catch {',
    original: '{ return undefined; }',
    replacement: '{}',
    because: 'A function without a return returns undefined.',
  },
  {
    file: 'src/access/keys.ts',
    code: 'if (!key) throw new errors.JOSEAlgNotAllowed();',
    original: '!key',
    replacement: 'false',
    because: 'jose asks only for keys of the algorithms that are allowed.',
  },
  {
    file: 'src/access/keys.ts',
    code: 'const late = new Promise<never>((_, reject) => {',
    original: '{ cancel = clock.after(TIMES.keysMs, () => reject(new errors.JWKSTimeout())); }',
    replacement: '{}',
    because: 'jose gives up, too, by the clock of the system.',
  },
  {
    file: 'src/access/token-location.ts',
    code: 'if (!isRecord(payload)) return [];',
    original: '[]',
    replacement: '["Stryker was here"]',
    because: 'A text has no token under any key.',
  },
  {
    file: 'src/access/allowed-urls.ts',
    code: 'if (path === undefined || !URL.canParse(text)) return false;',
    original: 'path === undefined',
    replacement: 'false',
    because: 'The path of a URL is compared with it next, and is never absent.',
  },
  {
    file: 'src/access/development-secret.ts',
    code: '} catch (error) {',
    original: "{ if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; }",
    replacement: '{}',
    because: 'A file that cannot be written for another reason cannot be read next.',
  },
  {
    file: 'src/rates/budgeted-engine.ts',
    code: 'if (!budget || ids.length === 0) return engine.readMessages(tenant, ids);',
    original: '!budget || ids.length === 0',
    replacement: 'false',
    because: 'Without a budget, or ids, a read in parts has the same answer.',
  },
  {
    file: 'src/domain/blocks.ts',
    code: "const rest = writing.isHeld ? { content: '', payload: null } : { content: null, payload: undefined };",
    original: '{ content: null, payload: undefined }',
    replacement: '{}',
    because: 'Both engines take a text that is left out like null.',
  },
  {
    file: 'src/domain/input.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code of a template.
    code: 'if (value.length > most * 6) throw badInput(`${name}: must have at most ${most} characters.`);',
    original: 'value.length > most * 6',
    replacement: 'false',
    because: 'Such a text is refused all the same, after more work.',
  },
  {
    file: 'src/domain/lists.ts',
    code: 'if (sortKey) return { ...sortKey, isPinned: false };',
    original: 'false',
    replacement: 'true',
    because: 'The order by activity has no pins.',
  },
  {
    file: 'src/domain/routed-changes.ts',
    code: 'if (concerned === false || !(await concerned)) return false;',
    original: 'concerned === false || !(await concerned)',
    replacement: 'false',
    because: 'Without a rule nothing may be diverted.',
  },
  {
    file: 'src/rates/budget.ts',
    code: "if (typeof value !== 'object' || value === null) return points;",
    original: 'value === null',
    replacement: 'false',
    because: 'Null has no keys.',
  },
  {
    file: 'src/rates/deferred-signals.ts',
    code: 'if (signals.size >= LIMITS.deferredSignalsPerUser && oldest !== undefined) signals.delete(oldest);',
    original: 'oldest !== undefined',
    replacement: 'true',
    because: 'A list that is full has an oldest.',
  },
  {
    file: 'src/rates/meters.ts',
    code: 'if (people > 0 && !isService(viewer)) this.#namedBy(viewer).take(-people);',
    original: 'people > 0',
    replacement: 'people >= 0',
    because: 'Giving back nobody changes nothing.',
  },
  {
    file: 'src/rates/token-bucket.ts',
    code: 'return missing <= ROUNDING ? 0 : Math.ceil(missing / this.#perMs);',
    original: 'missing <= ROUNDING',
    replacement: 'missing < ROUNDING',
    because: 'What is missing is never exactly the rounding error.',
  },
  {
    file: 'src/domain/topics.ts',
    code: 'if (!point && first === null) return engine.readLatest(tenant, topic, last);',
    original: '!point && first === null',
    replacement: 'false',
    because: 'The last of all that is kept are the latest: it reads more, and answers the same.',
  },
  {
    file: 'src/domain/topic-access.ts',
    code: 'if (before?.policies === policies) return before.policy;',
    original: 'before?.policies === policies',
    replacement: 'false',
    because: 'The policy is found again, the same one.',
  },
  {
    file: 'src/domain/input.ts',
    code: 'if (json === undefined || Buffer.byteLength(json) > LIMITS.payloadBytes) throw tooLarge(name);',
    original: 'json === undefined',
    replacement: 'false',
    because: 'JSON and GraphQL give no value without a form in JSON.',
  },
  {
    file: 'src/engine/redis/consumers.ts',
    code: 'if (events.length >= max || bytes <= 0) break;',
    original: 'events.length >= max',
    replacement: 'events.length > max',
    because: 'A partition that may give no event gives none.',
  },
  {
    file: 'src/engine/embedded/events.ts',
    code: 'if (arrivals % PER_DROP === 0) dropOld.run(now - TIMES.eventsMs, DROPPED);',
    original: 'arrivals % PER_DROP === 0',
    replacement: 'arrivals % PER_DROP !== 0',
    because: 'Old events are dropped more often.',
  },
  {
    file: 'src/engine/shared/closed.ts',
    code: 'USER_UNREACHED: true,',
    original: 'true',
    replacement: 'false',
    because: 'Only the names count.',
  },
  {
    file: 'src/engine/redis/subscriber.ts',
    code: 'this.#probe.forget();',
    original: 'this.#probe.forget();',
    replacement: ';',
    because: 'The end of the connection forgets the probe as well.',
  },
  {
    file: 'src/engine/shared/happening.ts',
    code: 'default:',
    original:
      'default: // A new kind of announcement does not compile without its case. announcement satisfies never; return null;',
    replacement: 'default:',
    because: 'Every kind of announcement has its case.',
  },
  {
    file: 'src/engine/redis/permissions.ts',
    code: "['INFO', () => commands.info('server')],",
    original: "() => commands.info('server')",
    replacement: '() => undefined',
    because: 'The check of settings asks for INFO as well, and names it.',
  },
  ...EXPLAINED_OF_DELIVERY,
  ...EXPLAINED_OF_TRANSPORT,
];

const short = (code: string): string => code.replaceAll(/\s+/g, ' ');

export const explanationOf = ({ file, code, original, replacement }: Mutant): string | undefined =>
  EXPLAINED.find(
    (each) =>
      each.file === file &&
      each.code === code &&
      each.original === short(original) &&
      each.replacement === short(replacement),
  )?.because;
