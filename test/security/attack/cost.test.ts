import { IS_FULL } from '../../faults/settings.ts';
import { cost } from '../properties/cost.ts';
import { attack, ENGINES } from './attack.ts';

attack(cost, IS_FULL ? ENGINES : ['embedded']);
