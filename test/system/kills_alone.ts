import { join } from 'node:path';
import type { Stage } from './kills.ts';

/** One machine with nothing else: the bus that `up` hosts, evidence on its disk. */
export const alone: Omit<Stage, 'kills' | 'stayMs'> = {
  services: [],
  start: async () => ({}),
  stop: async () => undefined,
  bus: () => undefined,
  evidenceDir: ({ dataDir }) => join(dataDir, 'evidence'),
  keepsFrames: false,
};
