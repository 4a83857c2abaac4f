import { keyedSeed, Random } from '../random.ts';
import { PersonScript, type PersonTrack } from './person.ts';
import type { PersonLook, Point, Rgb, VehicleState } from './types.ts';
import { VehicleScript, type VehicleTrack } from './vehicle.ts';

const SKIN: readonly Rgb[] = [
  [241, 205, 177],
  [224, 178, 145],
  [189, 138, 103],
  [141, 94, 66],
  [96, 63, 45],
];
const HAIR: readonly Rgb[] = [
  [38, 28, 24],
  [84, 58, 38],
  [150, 110, 66],
  [120, 118, 116],
];
const JACKET: readonly Rgb[] = [
  [52, 60, 74],
  [38, 72, 112],
  [88, 84, 78],
  [112, 48, 44],
  [58, 84, 60],
  [146, 134, 112],
];
const TROUSERS: readonly Rgb[] = [
  [44, 50, 66],
  [66, 62, 56],
  [34, 36, 40],
  [104, 92, 72],
];
const HELMET: readonly Rgb[] = [
  [246, 246, 240],
  [250, 204, 32],
  [236, 112, 28],
  [34, 94, 190],
  [204, 36, 32],
];
const VEST: readonly Rgb[] = [
  [214, 245, 40],
  [255, 120, 24],
];
const FORKLIFT: readonly Rgb[] = [
  [240, 176, 16],
  [216, 84, 24],
  [56, 128, 72],
];
const LORRY: readonly Rgb[] = [
  [200, 44, 40],
  [44, 84, 160],
  [232, 232, 228],
  [46, 120, 84],
];

export interface Dress {
  helmet?: boolean;
  vest?: boolean;
}

/** Everybody of a scenario. What one looks like depends on the seed and their place in it alone. */
export class Cast {
  readonly seed: number;
  readonly people: PersonTrack[] = [];
  readonly vehicles: VehicleTrack[] = [];
  readonly #redrawn: ReadonlyMap<string, number>;
  #named = 0;

  /** @param redrawn by id, how many times somebody's pace is drawn anew; nothing else about them changes. */
  constructor(seed: number, redrawn: ReadonlyMap<string, number> = new Map()) {
    this.seed = seed;
    this.#redrawn = redrawn;
  }

  /** Somebody new, named by order; not on the site before `add`. Wears helmet and vest unless told. */
  person(at: Point, startS: number, { helmet = true, vest = true }: Dress = {}): PersonScript {
    this.#named += 1;
    const id = `p${this.#named}`;
    const random = new Random(keyedSeed(this.seed, id));
    const first = pace(random);
    const times = this.#redrawn.get(id) ?? 0;
    const speed = times === 0 ? first : pace(new Random(keyedSeed(this.seed, `${id} pace ${times}`)));
    return new PersonScript(id, lookOf(random, helmet, vest), at, startS, speed);
  }

  vehicle(kind: VehicleState['kind'], at: Point, heading: number, startS: number, isLoaded = false): VehicleScript {
    const count = this.vehicles.filter(({ id }) => id.startsWith(kind)).length;
    const id = `${kind}-${count + 1}`;
    const colour = new Random(keyedSeed(this.seed, id)).pick(kind === 'forklift' ? FORKLIFT : LORRY);
    return new VehicleScript(kind, id, colour, at, heading, startS, isLoaded);
  }

  add(script: PersonScript | VehicleScript): void {
    if (script instanceof PersonScript) this.people.push(script.done());
    else this.vehicles.push(script.done());
  }
}

/** Metres a second. */
function pace(random: Random): number {
  return random.between(1.3, 1.42);
}

function lookOf(random: Random, helmet: boolean, vest: boolean): PersonLook {
  const look = {
    skin: random.pick(SKIN),
    hair: random.pick(HAIR),
    jacket: random.pick(JACKET),
    trousers: random.pick(TROUSERS),
    heightM: random.between(1.62, 1.92),
    build: random.between(0.235, 0.285),
  };
  // Drawn in any case, so that a helmet changes nothing else.
  const [hat, coat] = [random.pick(HELMET), random.pick(VEST)];
  return { ...look, helmet: helmet ? hat : null, vest: vest ? coat : null };
}
