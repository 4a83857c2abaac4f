import type { RateControl } from '../camera.ts';

export type EncoderName = 'vbr' | 'cbr' | 'smart' | 'long';

/**
 * Ways in which cameras encode, to compare one view under each. The bits a second stay the camera's; each differs from
 * `vbr` in one thing.
 */
export const ENCODERS: Readonly<Record<EncoderName, Omit<RateControl, 'kbps'>>> = {
  vbr: { mode: 'vbr', gop: 20, smartGop: null },
  cbr: { mode: 'cbr', gop: 20, smartGop: null },
  smart: { mode: 'vbr', gop: 20, smartGop: 100 },
  long: { mode: 'vbr', gop: 100, smartGop: null },
};
