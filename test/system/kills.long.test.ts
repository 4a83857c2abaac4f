import { join } from 'node:path';
import { describeKills } from './kills.ts';

describeKills('one machine, killed twelve times in four minutes', {
  kills: 12,
  stayMs: 240_000,
  services: [],
  start: async () => ({}),
  stop: async () => undefined,
  bus: () => undefined,
  evidenceDir: ({ dataDir }) => join(dataDir, 'evidence'),
  keepsFrames: false,
});
