import { IS_FULL } from '../../faults/settings.ts';
import { rights } from '../properties/rights.ts';
import { attack, ENGINES } from './attack.ts';

attack(rights, IS_FULL ? ENGINES : ['redis']);
