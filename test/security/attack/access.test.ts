import { IS_FULL } from '../../faults/settings.ts';
import { access } from '../properties/access.ts';
import { attack, ENGINES } from './attack.ts';

// One history asks for all that the schema has, as everyone: it is the longest of all.
attack(access, IS_FULL ? ENGINES : ['embedded']);
