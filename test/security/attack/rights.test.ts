import { rights } from '../properties/rights.ts';
import { attack } from './attack.ts';

attack(rights);
