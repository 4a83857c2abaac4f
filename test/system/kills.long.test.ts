import { describeKills } from './kills.ts';
import { alone } from './kills_alone.ts';

describeKills('one machine, killed 12 times in four minutes', { ...alone, kills: 12, stayMs: 240_000 });
