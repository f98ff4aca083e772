import { IS_FULL } from '../../faults/settings.ts';
import { policies } from '../properties/policies.ts';
import { attack, ENGINES } from './attack.ts';

attack(policies, IS_FULL ? ENGINES : ['redis']);
