/** What a channel is given to send, and what it says of it: the one interface of all kinds. */
import type { Clock } from '../../../runtime/clock.ts';
import type { Incident, Severity } from '../../../runtime/messages/types.ts';
import type { Outcome } from '../post.ts';

/** About one transition of one incident, or a reminder that it lasts. */
export interface Message {
  /** `<incident>/<revision>`, of a reminder `<incident>/<revision>.<count>`: stable for ever. */
  key: string;
  /** JSON as the outbox has it: what webhooks get. */
  body: string;
  /** `incident.opened` and the like. */
  type: string;
  /** For people. */
  text: string;
  /** The incident in the console; null where nobody said how people reach it. */
  link: string | null;
  incident: Incident;
}

/** What goes out at once. */
export interface Sending {
  /** That of its first message: the same for every attempt of the same messages. */
  key: string;
  /** In order; at least one. */
  messages: readonly Message[];
  /** Of banksman. */
  version: string;
  /** One line. */
  title: string;
  /** A line a message. */
  text: string;
  /** The gravest. */
  severity: Severity;
  /** Of the first message. */
  link: string | null;
  /** Of the first incident's picture, for a limited time: for people to open. Beside `picture`: to be shown. */
  pictureLink: string | null;
  /** JPEG of the first incident, where the channel wants it in the message and there is one. */
  picture: Buffer | null;
}

export interface AdapterAttempt {
  timeoutMs: number;
  clock: Clock;
  /** Gives up at once; the receiver may have it nevertheless. */
  signal: AbortSignal;
}

/**
 * Brings messages to one kind of receiver. An attempt has a connection of its own and reads secrets anew. Neither a
 * secret nor an address is in what comes out.
 */
export interface Adapter {
  /** Rejects with CONFIG_SECRET_MISSING or CONFIG_NOT_FOUND alone: nothing was sent then. */
  deliver(sending: Sending, attempt: AdapterAttempt): Promise<Outcome>;
}
