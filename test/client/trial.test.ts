/**
 * Two pages in Chromium, on two nodes, while everything between them fails: none missing, none twice, in order, unread right.
 *
 * A few hundred messages and one seed by default; `npm run test:trial` is the long form.
 */
import { ROUTES } from './trial.ts';
import { tryOut } from './trial-run.ts';

tryOut('the client', ROUTES, 2);
