import { access } from '../properties/access.ts';
import { attack } from './attack.ts';

attack(access);
