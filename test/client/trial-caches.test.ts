/**
 * The trial of `trial.test.ts` with pages that have a cache of their own: the events of a resuming subscription have
 * neither a gap nor a repetition, and with the first read they are everything that is stored.
 *
 * In its short form each page has one route and each fault once.
 */
import { ROUTES } from './trial.ts';
import { tryOut } from './trial-run.ts';

const isLong = process.env['TRIAL_MESSAGES'] !== undefined;
const [directly, throughGateway] = ROUTES;

tryOut('Apollo Client', isLong ? ROUTES : [throughGateway], isLong ? 2 : 1);
tryOut('urql', isLong ? ROUTES : [directly], isLong ? 2 : 1);
