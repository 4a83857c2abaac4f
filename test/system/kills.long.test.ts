import { describeKills } from './kills.ts';
import { alone } from './kills_alone.ts';

describeKills('one machine, killed 18 times in six minutes', { ...alone, kills: 18, stayMs: 360_000 });
