import { metering } from '../properties/metering.ts';
import { attack } from './attack.ts';

attack(metering);
