import { rules } from '../properties/rules.ts';
import { attack } from './attack.ts';

attack(rules);
