/** Preloaded into programs of tests: what they compiled is kept for the next one also when they are killed, which is how most end. */
import { flushCompileCache } from 'node:module';

/** All is compiled by then; the later, the fewer others have it. */
const STARTED_MS = 2_000;

setTimeout(flushCompileCache, STARTED_MS).unref();
