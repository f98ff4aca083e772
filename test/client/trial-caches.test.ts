/**
 * The trial of `trial.test.ts` with pages that have a cache of their own: what they are told by a subscription that resumes has
 * neither a gap nor a repetition, and with what they read at the beginning it is all that is stored.
 *
 * In its short form each has one route and each fault once.
 */
import { ROUTES } from './trial.ts';
import { tryOut } from './trial-run.ts';

const isLong = process.env['TRIAL_MESSAGES'] !== undefined;
const [directly, throughGateway] = ROUTES;

tryOut('Apollo Client', isLong ? ROUTES : [throughGateway], isLong ? 2 : 1);
tryOut('urql', isLong ? ROUTES : [directly], isLong ? 2 : 1);
