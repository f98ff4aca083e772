import { closing } from '../properties/closing.ts';
import { attack } from './attack.ts';

attack(closing);
