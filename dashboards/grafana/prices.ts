/**
 * What a month of each costs, in whatever currency: examples, of no provider. Put in yours and run
 * `npm run dashboards`, or change them on the board for as long as you look.
 */
export const PRICES = {
  cpuCore: 20,
  memoryGib: 3,
  storageGb: 0.05,
};
