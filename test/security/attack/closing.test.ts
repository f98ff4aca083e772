import { IS_FULL } from '../../faults/settings.ts';
import { closing } from '../properties/closing.ts';
import { attack, ENGINES } from './attack.ts';

attack(closing, IS_FULL ? ENGINES : ['redis']);
