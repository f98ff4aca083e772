import { cost } from '../properties/cost.ts';
import { attack } from './attack.ts';

attack(cost);
