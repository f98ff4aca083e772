import { IS_FULL } from '../../faults/settings.ts';
import { rules } from '../properties/rules.ts';
import { attack, ENGINES } from './attack.ts';

attack(rules, IS_FULL ? ENGINES : ['embedded']);
