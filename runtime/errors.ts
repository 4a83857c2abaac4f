/** The one table of errors. `runtime/errors.md` is generated from it, and a test fails when it is stale. */

export interface ErrorSpec {
  /** Whether trying the same again may work without anybody changing anything. */
  readonly retryable: boolean;
  /** What happened. */
  readonly message: string;
  /** How to mend it. */
  readonly mend: string;
}

const spec = (retryable: boolean, message: string, mend: string): ErrorSpec =>
  Object.freeze({ retryable, message, mend });

export const ERRORS = Object.freeze({
  // configuration
  CONFIG_NOT_FOUND: spec(
    false,
    'the site file does not exist or cannot be read',
    'Give the right path with -c FILE, or copy config/examples/quickstart.yaml.',
  ),
  CONFIG_SYNTAX: spec(false, 'the site file is not valid YAML', 'Mend the line named; indentation is by spaces.'),
  CONFIG_UNKNOWN_KEY: spec(
    false,
    'a key that banksman does not know',
    'Use the suggested key, or look it up in config/reference.md.',
  ),
  CONFIG_INVALID_VALUE: spec(
    false,
    'a value of the wrong kind or out of range',
    'Give a value as config/reference.md describes it.',
  ),
  CONFIG_MISSING_KEY: spec(
    false,
    'a key that must be there is missing',
    'Add it; config/reference.md shows an example.',
  ),
  CONFIG_UNKNOWN_REFERENCE: spec(false, 'a name that refers to nothing', 'Define it, or use one of the names listed.'),
  CONFIG_DUPLICATE_KEY: spec(false, 'a name that is used twice', 'Remove or rename one of them.'),
  CONFIG_PROMISE_AT_RISK: spec(
    false,
    'a rule promises more than its camera can keep',
    'Raise the rate named, or the detect_within_s of the rule.',
  ),
  CONFIG_UNUSED: spec(false, 'something that nothing uses', 'Name it in a rule, or remove it.'),
  CONFIG_BAD_POLYGON: spec(
    false,
    'a polygon that crosses itself, leaves the picture or has no area',
    'Give at least three corners in order round the zone, each between 0 and 1.',
  ),
  CONFIG_DUPLICATE_URL: spec(
    false,
    'two cameras with the same stream',
    'Remove one, or give each its own URL; many cameras refuse a second session.',
  ),
  CONFIG_SECRET_IN_FILE: spec(
    false,
    'a password written into the site file or a URL',
    'Put it in the environment and write ${NAME}, or in a file and use password_file.',
  ),
  CONFIG_SECRET_MISSING: spec(
    false,
    'a secret that the site file refers to is not set',
    'Set the environment variable, or create the file, then retry.',
  ),
  CONFIG_BIND_REFUSED: spec(
    false,
    'something would listen beyond this machine with nothing to guard it',
    'Add console.accounts for the console, fleet.token for metrics and media; or bind to 127.0.0.1.',
  ),
  CONFIG_CLEAR_TEXT: spec(
    false,
    'secrets would cross the network unencrypted',
    'Set console.tls, or put a proxy with HTTPS in front and name it in console.trusted_proxies.',
  ),
  CONFIG_ACCOUNTS: spec(
    false,
    'the accounts of the console cannot be read',
    'banksman tokens add NAME --role admin writes the file; each account is NAME: { role: …, hash: "sha256:…" }.',
  ),
  CONFIG_TLS: spec(
    false,
    'certificate and key cannot be used',
    'Give a certificate and its own key, both PEM, that this user can read.',
  ),
  CONFIG_RELOAD_FAILED: spec(
    false,
    'the edited site file was refused; the one before it stays active',
    'Mend the mistakes listed and save again.',
  ),
  USAGE: spec(false, 'the command was called wrongly', 'See --help.'),

  // camera
  RTSP_BAD_URL: spec(false, 'the URL is not an rtsp:// or rtsps:// address', 'Write rtsp://HOST:PORT/PATH.'),
  RTSP_REFUSED: spec(
    true,
    'the host refused the connection',
    'Check the port, and that RTSP is switched on in the camera.',
  ),
  RTSP_NO_ROUTE: spec(true, 'the host does not answer', 'Check power, cable, network and address.'),
  RTSP_UNKNOWN_HOST: spec(true, 'the host name is unknown', 'Check the spelling, or use the address.'),
  RTSP_UNAUTHORIZED: spec(
    false,
    'the camera refused user or password',
    'Set the right username and password; banksman does not try again by itself for 6 hours, because cameras lock accounts out.',
  ),
  RTSP_NOT_FOUND: spec(
    true,
    'the camera has no stream at this path',
    'Check the path; the camera manual or its ONVIF page names it.',
  ),
  RTSP_NO_VIDEO: spec(
    true,
    'the stream has no video track',
    'Choose a path with video, or switch video on in the camera.',
  ),
  RTSP_UNSUPPORTED_CODEC: spec(
    true,
    'the video codec is not one that banksman decodes',
    'Set the camera (or this stream) to H.264.',
  ),
  RTSP_STALLED: spec(
    true,
    'the session is up but no picture comes',
    'Check the network between; banksman reconnects by itself.',
  ),
  RTSP_ENDED: spec(
    true,
    'the camera ended the session',
    'banksman reconnects by itself; many ends point to a session limit of the camera.',
  ),
  RTSP_TLS: spec(
    true,
    'the TLS connection failed',
    'Check the certificate; set tls.ca_file for your own authority, or tls.verify: false to accept any.',
  ),
  RTSP_PROTOCOL: spec(
    true,
    'the host does not speak RTSP as the standard has it',
    'Check that the port is the RTSP port.',
  ),
  STREAM_UNDECODABLE: spec(
    true,
    'pictures arrive but cannot be decoded',
    'Check the camera and the network for loss; banksman looks again at the next key picture.',
  ),
  STREAM_FROZEN: spec(
    true,
    'the camera sends the same picture over and over',
    'Restart the camera; a real sensor never gives two equal pictures.',
  ),
  STREAM_BLACK: spec(
    true,
    'the camera sends black pictures',
    'Look for a cover, a lens cap, or a camera that has lost its light.',
  ),
  CLOCK_STEPPED: spec(
    true,
    'the clock of this machine was set',
    'Each camera begins a new session on the new time; let NTP slew the clock rather than step it.',
  ),
  CAMERA_PROCESS_FAILED: spec(
    true,
    'the process of this camera ended by itself',
    'banksman restarts it; if it keeps failing the camera is quarantined: see the log.',
  ),
  CAMERA_QUARANTINED: spec(
    false,
    'the process of this camera failed too often',
    'See the log for the cause; change the camera in the site file or restart to try again.',
  ),
  CAMERA_UNOWNED: spec(
    true,
    'no ingest agent has this camera',
    'Start an ingest agent; one that lives is given the camera within seconds. Look at banksman cameras agents.',
  ),
  CAMERA_OWNED_TWICE: spec(
    true,
    'two ingest agents run this camera',
    'Only the newest owner counts; look at the other agent, named in the detail: end it if it does not stop by itself.',
  ),
  AGENT_CUT_OFF: spec(
    true,
    'nothing that this ingest agent says comes back through the bus',
    'Its cameras stop here, because others take them; look at the bus and the network of this machine.',
  ),
  AGENT_CLOCK_OFFSET: spec(
    true,
    'the clock of an ingest agent differs from the others',
    'Set it by NTP: incidents of its cameras carry the wrong time until then.',
  ),

  // media
  MEDIA_MASKED: spec(
    false,
    'live video of a camera with privacy masks is not given out: it would show what is under them',
    'Use the pictures of the console, which have the masks burnt in; or remove privacy_masks where nothing is private.',
  ),
  MEDIA_NOT_HERE: spec(
    true,
    'this agent does not run a camera of that name',
    'banksman status --json says under media where the camera is; after a change of agent it is there within seconds.',
  ),
  MEDIA_TOO_MANY_VIEWERS: spec(
    true,
    'as many viewers as there may be watch this camera',
    'Close one of them, or try again later.',
  ),
  MEDIA_FOREIGN_PAGE: spec(
    false,
    'without a token media is for programs and pages of this machine alone',
    'Ask by 127.0.0.1 or localhost; from elsewhere bind beyond this machine with fleet.token.',
  ),

  // models
  MODEL_UNKNOWN: spec(false, 'no manifest of that name', 'banksman models list shows the names.'),
  MODEL_MANIFEST_INVALID: spec(false, 'the model manifest is not valid', 'Mend the field named.'),
  MODEL_NOT_PULLED: spec(
    false,
    'the weights of the model are not on this machine',
    'banksman models pull NAME, or pull NAME --from FILE.',
  ),
  MODEL_CHECKSUM_MISMATCH: spec(
    false,
    'the weights file is not the one that the manifest pins',
    'Remove it and pull again; a proxy may have changed it.',
  ),
  MODEL_NOT_ONNX: spec(
    false,
    'the weights file is not an ONNX model',
    'Often it is an error page saved under the name: pull again.',
  ),
  MODEL_SIGNATURE_MISMATCH: spec(
    false,
    'the inputs or outputs of the model are not those of its family',
    'Choose the right family in the manifest, or export the model again.',
  ),
  MODEL_DOWNLOAD_FAILED: spec(
    true,
    'the weights could not be downloaded',
    'Check the network and proxy, or download elsewhere and use --from FILE.',
  ),
  FRAME_UNREADABLE: spec(
    false,
    'a frame is not a readable JPEG',
    'The frame is shed and counted; if it repeats look at the camera.',
  ),
  DETECTOR_FAILED: spec(true, 'the detector failed', 'banksman restarts it; see the log.'),
  DETECTOR_HUNG: spec(
    true,
    'the detector did not answer in time',
    'banksman restarts it; look at the load of the machine.',
  ),

  // bus
  BUS_UNREACHABLE: spec(true, 'no bus answers', 'Start banksman up for this site file first.'),
  BUS_LOST: spec(true, 'the bus went away', 'The role ends and is started again by its supervisor.'),
  BUS_UNKNOWN_TOPIC: spec(false, 'no topic of that name', 'Use one of the topics that the message lists.'),
  BUS_TOPIC_MISSING: spec(
    false,
    'the cluster does not have this topic',
    'Run: banksman topics apply -c SITE.yaml (topics plan shows what it would do).',
  ),
  BUS_TOPICS_UNEVEN: spec(
    false,
    'topics that are read together have different numbers of partitions',
    'Run: banksman topics apply -c SITE.yaml (topics plan shows what it would do).',
  ),
  BUS_UNAUTHORIZED: spec(
    false,
    'Kafka refuses these credentials, or what they ask for',
    'Look at bus.kafka.sasl in the site file and at the rights (ACLs) that Kafka gives that user.',
  ),
  BUS_TLS: spec(
    false,
    'no TLS connection to Kafka',
    'Look at bus.kafka.tls in the site file: the authority, the name in the certificate, and when it ends.',
  ),
  BUS_RECORD_TOO_LARGE: spec(
    false,
    'a record is larger than its topic takes',
    'Run: banksman topics apply -c SITE.yaml (it sets max.message.bytes), or make pictures smaller (sampling.width_px).',
  ),
  BUS_REFUSED: spec(false, 'Kafka refuses a request', 'Look up what Kafka says in its documents and in its log.'),
  BUS_STORE_FULL: spec(true, 'the disk of the bus log is full', 'Make room on the disk that holds data_dir.'),
  MESSAGE_INVALID: spec(false, 'a message does not parse', 'It is in dead-letters.v1 with the reason.'),

  // stores and delivery
  STORE_FULL: spec(
    true,
    'the disk of the evidence store is full',
    'Make room, or lower evidence.retention; banksman writes what is missing when there is room.',
  ),
  STORE_FAILED: spec(true, 'the store failed', 'See the log; banksman tries again.'),
  STORE_UNREACHABLE: spec(
    true,
    'the evidence store does not answer',
    'Check evidence.s3.endpoint, the network and the store; evidence waits in the spool meanwhile.',
  ),
  STORE_UNAVAILABLE: spec(
    true,
    'the evidence store answers that it cannot serve now',
    'Look at the store; evidence waits in the spool and is sent when it serves again.',
  ),
  STORE_NO_BUCKET: spec(
    true,
    'the bucket does not exist',
    'Create it, or mend evidence.s3.bucket and evidence.s3.endpoint.',
  ),
  STORE_FORBIDDEN: spec(
    true,
    'the evidence store refuses permission',
    'Allow these credentials to list, read, write and delete in the bucket: deploy/s3/README.md has the policy.',
  ),
  STORE_CREDENTIALS: spec(
    true,
    'the evidence store does not accept the credentials, or there are none',
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role; keys may have been rotated.',
  ),
  STORE_WRONG_REGION: spec(
    true,
    'the bucket is in another region',
    'Set evidence.s3.region to the region of the bucket.',
  ),
  STORE_CLOCK_SKEW: spec(
    true,
    'the clock of this machine is too far from that of the evidence store',
    'Let NTP set the clock.',
  ),
  REDIS_UNREACHABLE: spec(
    true,
    'Redis does not answer',
    'Check the server and state.redis; what is not stored yet waits on the bus, and nothing is lost.',
  ),
  REDIS_UNAUTHORIZED: spec(
    true,
    'Redis refused user or password',
    'Set username and password of state.redis right; banksman reads them again by itself.',
  ),
  REDIS_TLS: spec(
    true,
    'the TLS connection to Redis failed',
    'Check the certificate; set state.redis.tls.ca_file for your own authority.',
  ),
  EVIDENCE_FRAME_GONE: spec(
    false,
    'the frame of an incident is no longer retained',
    'The record says so; look at the bounds of frames.v1 if it repeats.',
  ),
  CHROMIUM_MISSING: spec(
    false,
    'no Chromium on this machine makes the PDF; the HTML file is there',
    'apt-get install chromium, or set BANKSMAN_CHROMIUM to one; or open the HTML file in any browser and print it.',
  ),
  CHROMIUM_FAILED: spec(
    false,
    'Chromium made no PDF; the HTML file is there',
    'Try again, or open the HTML file in any browser and print it.',
  ),
  ALERT_REFUSED: spec(
    false,
    'the receiver refused the message',
    'Check address and secret of the channel with banksman alerts test; banksman alerts redeliver sends it again.',
  ),
  ALERT_FAILED: spec(
    true,
    'the receiver could not be reached or failed',
    'banksman tries again for 24 hours, then dead-letters the message; banksman alerts redeliver sends it again.',
  ),

  TRACE_EXPORT_FAILED: spec(
    true,
    'traces cannot be delivered to the collector',
    'Check tracing.endpoint and tracing.headers; what was not delivered is dropped, and nothing else waits for it.',
  ),

  // processes
  DATA_DIR_LOCKED: spec(
    false,
    'another banksman runs on this data_dir',
    'Stop it, or give this site file its own data_dir.',
  ),
  DATA_DIR_UNUSABLE: spec(false, 'data_dir cannot be written', 'Give a folder that this user can write, with room.'),
  PORT_TAKEN: spec(false, 'the port is taken', 'Stop what listens there, or bind to another port in the site file.'),
  ROLE_FAILED: spec(true, 'a role ended by itself', 'The supervisor restarts it; see the log.'),
  SIMULATOR_FAILED: spec(
    false,
    'the simulated site could not be made or served',
    'Call ./setup, which brings Python and GStreamer with the plugins that are needed, and try again.',
  ),
  STOP_TIMED_OUT: spec(
    false,
    'something did not stop within the deadline and was ended',
    'Nothing is lost; see the log for its name.',
  ),
  INTERNAL: spec(false, 'a mistake in banksman', 'Please report it with the log.'),
});

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

export interface ErrorOptions {
  /** Where: `file:line:column`, `camera gate`, `topic/partition@offset`. */
  where?: string;
  /** What in particular, without secrets. Default: the table's message. */
  message?: string;
  /** How to mend it, where more is known than the table can say. */
  mend?: string;
  cause?: unknown;
}

/** An error as data: code, where, what, how to mend it. */
export class BanksmanError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly mend: string;

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'BanksmanError';
    this.code = code;
    this.where = options.where;
    this.mend = options.mend ?? ERRORS[code].mend;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  /** For people: `CODE where: what` and the way to mend it on a second line. */
  toDisplay(): string {
    const where = this.where === undefined ? '' : `${this.where}: `;
    return `${where}${this.message} [${this.code}]\n  ${this.mend}`;
  }
}

export function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
