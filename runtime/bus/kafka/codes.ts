/** Error codes of the Kafka protocol that decide what is done next. https://kafka.apache.org/protocol#protocol_error_codes */
export const CODE = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  replicaNotAvailable: 9,
  messageTooLarge: 10,
  networkException: 13,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  illegalGeneration: 22,
  unknownMember: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
  topicAuthorization: 29,
  groupAuthorization: 30,
  clusterAuthorization: 31,
  topicAlreadyExists: 36,
  policyViolation: 44,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  concurrentTransactions: 51,
  storageError: 56,
  saslAuthenticationFailed: 58,
  unknownProducerId: 59,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  memberIdRequired: 79,
  invalidRecord: 87,
  unknownTopicId: 100,
} as const;

/** Whoever answers so is no longer the one to ask: metadata are read again. */
const STALE: ReadonlySet<number> = new Set([
  CODE.unknownTopicOrPartition,
  CODE.leaderNotAvailable,
  CODE.notLeader,
  CODE.replicaNotAvailable,
  CODE.networkException,
  CODE.storageError,
  CODE.fencedLeaderEpoch,
  CODE.unknownLeaderEpoch,
  CODE.unknownTopicId,
]);

const PASSING: ReadonlySet<number> = new Set([
  CODE.requestTimedOut,
  CODE.coordinatorLoading,
  CODE.coordinatorNotAvailable,
  CODE.notCoordinator,
  CODE.notEnoughReplicas,
  CODE.notEnoughReplicasAfterAppend,
  CODE.concurrentTransactions,
]);

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CODE).map(([name, code]) => [code, name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()]),
);

export const isStale = (code: number): boolean => STALE.has(code);

/** The same request may be answered better in a moment. */
export const isPassing = (code: number): boolean => STALE.has(code) || PASSING.has(code);

export const isCoordinatorGone = (code: number): boolean =>
  code === CODE.coordinatorNotAvailable || code === CODE.notCoordinator || code === CODE.coordinatorLoading;

export const isUnauthorized = (code: number): boolean =>
  code === CODE.topicAuthorization || code === CODE.groupAuthorization || code === CODE.clusterAuthorization;

/** As Kafka's documents call it. */
export function codeName(code: number): string {
  return NAMES.get(code) ?? `error ${code}`;
}
