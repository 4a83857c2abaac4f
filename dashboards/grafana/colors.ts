/**
 * Colours that people with any kind of colour blindness tell apart: M. Okabe and K. Ito, "Color Universal
 * Design", 2008. Nothing on the boards has another.
 */
export const OKABE_ITO = {
  orange: '#E69F00',
  sky: '#56B4E9',
  green: '#009E73',
  yellow: '#F0E442',
  blue: '#0072B2',
  vermillion: '#D55E00',
  purple: '#CC79A7',
  grey: '#999999',
} as const;

export const GOOD = OKABE_ITO.green;
export const WARN = OKABE_ITO.orange;
export const BAD = OKABE_ITO.vermillion;
export const PLAIN = OKABE_ITO.blue;

/** Of what has few, known values: the same value has the same colour on every board. */
export const SEVERITY_COLORS = {
  critical: OKABE_ITO.vermillion,
  high: OKABE_ITO.orange,
  medium: OKABE_ITO.yellow,
  low: OKABE_ITO.sky,
};

export const STAGE_COLORS = {
  detect: OKABE_ITO.blue,
  cleanup: OKABE_ITO.sky,
  incidents: OKABE_ITO.vermillion,
  state: OKABE_ITO.green,
  evidence: OKABE_ITO.orange,
  alerts: OKABE_ITO.purple,
};
