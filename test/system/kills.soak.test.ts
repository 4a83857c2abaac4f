import { describeKills } from './kills.ts';
import { alone } from './kills_alone.ts';

describeKills('one machine, killed 30 times in ten minutes', { ...alone, kills: 30, stayMs: 600_000 });
