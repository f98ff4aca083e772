import { IS_FULL } from '../../faults/settings.ts';
import { metering } from '../properties/metering.ts';
import { attack, ENGINES } from './attack.ts';

attack(metering, IS_FULL ? ENGINES : ['redis']);
