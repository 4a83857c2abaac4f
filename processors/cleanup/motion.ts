/**
 * How an object moves along one axis: its velocity wanders about zero and forgets itself after a while
 * (Ornstein-Uhlenbeck velocity, as R. A. Singer, "Estimating optimal filter tracking performance for
 * manned maneuvering targets", 1970, does for acceleration), so that somebody unseen slows down and the
 * place where he may be grows no faster than he can walk. Filtered by Kalman's equations, which take any
 * time step. Lengths in picture heights, times in seconds.
 */
export interface Axis {
  position: number;
  velocity: number;
  /** Variance of position, covariance with velocity, variance of velocity. */
  pp: number;
  pv: number;
  vv: number;
}

export interface Motion {
  /** Standard deviation of velocity: what the class does, picture heights a second. */
  speed: number;
  /** Seconds after which a velocity is forgotten. */
  memory: number;
}

export function startAxis(position: number, noise: number, { speed }: Motion): Axis {
  return { position, velocity: 0, pp: noise * noise, pv: 0, vv: speed * speed };
}

export function predictAxis(axis: Axis, seconds: number, { speed, memory }: Motion): Axis {
  if (seconds <= 0) return axis;
  const kept = Math.exp(-seconds / memory);
  const reach = memory * (1 - kept);
  const variance = speed * speed;
  const { position, velocity, pp, pv, vv } = axis;
  return {
    position: position + velocity * reach,
    velocity: velocity * kept,
    pp:
      pp +
      2 * reach * pv +
      reach * reach * vv +
      variance * memory * memory * ((2 * seconds) / memory - 3 + 4 * kept - kept * kept),
    pv: kept * pv + reach * kept * vv + variance * memory * (1 - kept) * (1 - kept),
    vv: kept * kept * vv + variance * (1 - kept * kept),
  };
}

/** @param noise standard deviation of the measured position. */
export function correctAxis(axis: Axis, measured: number, noise: number): Axis {
  const { position, velocity, pp, pv, vv } = axis;
  const total = pp + noise * noise;
  const gain = pp / total;
  const gainVelocity = pv / total;
  const innovation = measured - position;
  return {
    position: position + gain * innovation,
    velocity: velocity + gainVelocity * innovation,
    pp: (1 - gain) * pp,
    pv: (1 - gain) * pv,
    vv: vv - gainVelocity * pv,
  };
}

/** The object did not move: it stays where it is, and its velocity is known to be nothing much. */
export function holdAxis(axis: Axis): Axis {
  return { ...axis, velocity: 0, pv: 0 };
}
