import { readFileSync } from 'node:fs';
import { isIP, type Socket, connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import type { RtspUrl } from './url.ts';

export interface ConnectionOptions {
  url: RtspUrl;
  tls: { verify: boolean; ca_file: string | null };
  /** When everything must be done, in the monotonic time of `performance.now()`. */
  deadline: number;
}

export interface RtspResponse {
  status: number;
  reason: string;
  /** Lower-case names; a header that came twice has two values. */
  headers: ReadonlyMap<string, string[]>;
  body: string;
}

/** A hostile or broken peer gets this much and no more. */
const MAX_HEAD_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 256 * 1024;
const MAX_SKIPPED_BYTES = 1024 * 1024;

/** One connection to an RTSP server; requests one after another, each failure with its reason code. */
export class RtspConnection {
  readonly #options: ConnectionOptions;
  #socket: Socket | null = null;
  #buffer: Buffer = Buffer.alloc(0);
  #skipped = 0;
  #cseq = 0;
  #failure: BanksmanError | null = null;
  #wake: () => void = () => undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#socket !== null && this.#failure === null;
  }

  /** @throws BanksmanError RTSP_UNKNOWN_HOST, RTSP_REFUSED, RTSP_NO_ROUTE, RTSP_TLS. */
  async open(): Promise<void> {
    const { url, tls, deadline } = this.#options;
    let phase: 'lookup' | 'connect' | 'handshake' | 'open' = isIP(url.host) === 0 ? 'lookup' : 'connect';
    const target = { host: url.host, port: url.port };
    const socket = url.tls
      ? tlsConnect({
          ...target,
          ...(isIP(url.host) === 0 ? { servername: url.host } : {}),
          rejectUnauthorized: tls.verify,
          ...(tls.ca_file === null ? {} : { ca: this.#readCa(tls.ca_file) }),
        })
      : tcpConnect(target);
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#fail('RTSP_ENDED', 'the host closed the connection'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const failure = phase === 'handshake' ? tlsFailure(error) : socketFailure(error, phase === 'open');
      this.#fail(failure.code, failure.message);
    });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(...TIMED_OUT[phase]), Math.max(0, deadline - performance.now()));
      const settle = (): void => {
        clearTimeout(timer);
        if (this.#failure) reject(this.#failure);
        else resolve();
      };
      this.#wake = settle;
      socket.once('lookup', (error) => {
        if (!error) phase = 'connect';
      });
      socket.once('connect', () => {
        phase = url.tls ? 'handshake' : 'open';
        if (!url.tls) settle();
      });
      socket.once('secureConnect', () => {
        phase = 'open';
        settle();
      });
      socket.once('close', settle);
    });
    this.#wake = () => undefined;
  }

  /** @throws BanksmanError RTSP_ENDED, RTSP_NO_ROUTE (no answer in time), RTSP_PROTOCOL. */
  async request(method: string, headers: Readonly<Record<string, string>> = {}): Promise<RtspResponse> {
    const cseq = ++this.#cseq;
    const lines = [`${method} ${this.#options.url.uri} RTSP/1.0`, `CSeq: ${cseq}`, 'User-Agent: banksman'];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    this.#socket?.write(`${lines.join('\r\n')}\r\n\r\n`);
    for (;;) {
      const response = this.#parse();
      if (response === null) await this.#more(method);
      // Some cameras leave it out; another number answers something that we gave up on.
      else if ((response.headers.get('cseq')?.[0] ?? String(cseq)) === String(cseq)) return response;
    }
  }

  /** Resolves when the peer has closed, or after `ms`. */
  async ended(ms: number): Promise<void> {
    if (!this.isOpen) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#socket?.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  close(): void {
    this.#fail('RTSP_ENDED', 'closed by banksman');
  }

  async #more(method: string): Promise<void> {
    if (this.#failure) throw this.#failure;
    const before = this.#buffer.length;
    await new Promise<void>((resolve) => {
      const left = Math.max(0, this.#options.deadline - performance.now());
      const timer = setTimeout(() => {
        this.#fail('RTSP_NO_ROUTE', `the connection is made, but ${method} is not answered in time`);
      }, left);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#failure) this.#wake();
    });
    this.#wake = () => undefined;
    // What came before the end may hold the answer.
    if (this.#failure && this.#buffer.length === before) throw this.#failure;
  }

  #take(chunk: Buffer): void {
    if (this.#failure) return;
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    if (this.#buffer.length > MAX_HEAD_BYTES + MAX_BODY_BYTES) this.#fail('RTSP_PROTOCOL', 'the answer has no end');
    this.#wake();
  }

  /** Takes one whole response out of the buffer; null when it is not all there. */
  #parse(): RtspResponse | null {
    this.#skipInterleaved();
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0 || end > MAX_HEAD_BYTES) {
      if (this.#buffer.length > MAX_HEAD_BYTES) throw this.#protocol('the head of the answer is too long');
      if (this.#buffer.length >= 5 && !this.#buffer.subarray(0, 5).equals(MAGIC)) {
        throw this.#protocol('what answers is not RTSP');
      }
      return null;
    }
    const [first = '', ...lines] = this.#buffer.subarray(0, end).toString('latin1').split('\r\n');
    const [, status, reason = ''] = /^RTSP\/\d\.\d (\d{3})(?: (.*))?$/.exec(first) ?? [];
    if (status === undefined) throw this.#protocol('what answers is not RTSP');
    const headers = new Map<string, string[]>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon <= 0) continue;
      const name = line.slice(0, colon).trim().toLowerCase();
      headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
    }
    const length = Number(headers.get('content-length')?.[0] ?? 0);
    if (!Number.isSafeInteger(length) || length < 0 || length > MAX_BODY_BYTES) {
      throw this.#protocol('the answer has a wrong Content-Length');
    }
    const bodyAt = end + 4;
    if (this.#buffer.length < bodyAt + length) return null;
    const body = this.#buffer.subarray(bodyAt, bodyAt + length).toString('utf8');
    this.#buffer = this.#buffer.subarray(bodyAt + length);
    return { status: Number(status), reason: printable(reason), headers, body };
  }

  /** `$`, channel, length: media of a session that we never asked for. */
  #skipInterleaved(): void {
    while (this.#buffer[0] === 0x24 && this.#buffer.length >= 4) {
      const whole = 4 + this.#buffer.readUInt16BE(2);
      if (this.#buffer.length < whole) return;
      this.#buffer = this.#buffer.subarray(whole);
      this.#skipped += whole;
      if (this.#skipped > MAX_SKIPPED_BYTES) throw this.#protocol('media comes instead of answers');
    }
  }

  #readCa(path: string): Buffer {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new BanksmanError('RTSP_TLS', { where: this.#options.url.where, message: `cannot read ${path}`, cause });
    }
  }

  #protocol(message: string): BanksmanError {
    return new BanksmanError('RTSP_PROTOCOL', { where: this.#options.url.where, message });
  }

  #fail(code: ErrorCode, message: string): void {
    this.#failure ??= new BanksmanError(code, { where: this.#options.url.where, message });
    this.#socket?.destroy();
    this.#wake();
  }
}

const MAGIC = Buffer.from('RTSP/');

const TIMED_OUT: Record<'lookup' | 'connect' | 'handshake' | 'open', [ErrorCode, string]> = {
  lookup: ['RTSP_UNKNOWN_HOST', 'the host name was not resolved in time'],
  connect: ['RTSP_NO_ROUTE', 'the host does not answer'],
  handshake: ['RTSP_TLS', 'the TLS handshake did not end in time'],
  open: ['RTSP_NO_ROUTE', 'the host does not answer'],
};

function socketFailure(error: NodeJS.ErrnoException, isOpen: boolean): { code: ErrorCode; message: string } {
  switch (error.code) {
    case 'ECONNREFUSED':
      return { code: 'RTSP_REFUSED', message: 'the host refused the connection' };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NONAME':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
      return { code: 'RTSP_UNKNOWN_HOST', message: `the host name is unknown (${error.code})` };
    case 'ECONNRESET':
    case 'EPIPE':
      return { code: 'RTSP_ENDED', message: `the host closed the connection (${error.code})` };
    default:
      return { code: isOpen ? 'RTSP_ENDED' : 'RTSP_NO_ROUTE', message: `no connection (${error.code ?? error.name})` };
  }
}

function tlsFailure(error: NodeJS.ErrnoException): { code: ErrorCode; message: string } {
  return { code: 'RTSP_TLS', message: `the TLS connection failed (${error.code ?? error.name})` };
}

/** Text of a peer that may reach a log or a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 80);
}
