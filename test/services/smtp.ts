/** For tests: a real SMTP server that wants STARTTLS and a login. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { freePort } from '../../runtime/ports.ts';
import { makeCertificate } from '../../simulator/rtsp/certificate.ts';

export interface Mail {
  to: string[];
  /** Lower case. */
  headers: Map<string, string>;
  body: string;
}

export class SmtpServer {
  readonly #account: { user: string; password: string };
  readonly mails: Mail[] = [];
  /** Codes that receivers get instead of 250, in turn. */
  readonly codes: number[] = [];
  /** The same for one receiver, by address. */
  readonly codesFor = new Map<string, number[]>();
  #mode: 'take' | 'hang' | 'refuse' = 'take';
  #folder = '';
  #server: SMTPServer | undefined;
  port = 0;
  certFile = '';
  #keyFile = '';

  readonly #implicit: boolean;

  /** `implicit`: TLS from the first byte. */
  constructor(account: { user: string; password: string }, implicit = false) {
    this.#account = account;
    this.#implicit = implicit;
  }

  async start(): Promise<void> {
    if (this.#server) return;
    if (this.#folder === '') {
      this.#folder = await mkdtemp(join(tmpdir(), 'banksman-smtp-'));
      ({ certFile: this.certFile, keyFile: this.#keyFile } = makeCertificate(this.#folder));
      this.port = await freePort();
    }
    const { user, password } = this.#account;
    const server = new SMTPServer({
      cert: readFileSync(this.certFile),
      key: readFileSync(this.#keyFile),
      authOptional: false,
      secure: this.#implicit,
      logger: false,
      closeTimeout: 100,
      // Never asked who connects: on a machine without name service that takes long.
      disableReverseLookup: true,
      onConnect: (_session, done) => {
        if (this.#mode !== 'hang') done();
      },
      onAuth: (auth, session, done) => {
        const known = session.secure && auth.username === user && auth.password === password;
        done(known ? null : new Error('no such account'), { user });
      },
      onRcptTo: ({ address }, _session, done) => {
        const code = this.#mode === 'refuse' ? 550 : (this.codesFor.get(address)?.shift() ?? this.codes.shift());
        done(code === undefined ? null : Object.assign(new Error('not now'), { responseCode: code }));
      },
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          this.mails.push(
            parsed(
              Buffer.concat(chunks).toString('utf8'),
              session.envelope.rcptTo.map(({ address }) => address),
            ),
          );
          done();
        });
      },
    });
    server.on('error', () => undefined);
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  hang(on: boolean): void {
    this.#mode = on ? 'hang' : 'take';
  }

  refuse(on: boolean): void {
    this.#mode = on ? 'refuse' : 'take';
  }
}

function parsed(mail: string, to: string[]): Mail {
  const [head = '', ...rest] = mail.split('\r\n\r\n');
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const at = line.indexOf(':');
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  const quoted = /quoted-printable/i.test(mail);
  const text = rest.join('\r\n\r\n');
  const body = (quoted ? text.replaceAll('=\r\n', '') : text).replaceAll('\r\n', '\n');
  return { to, headers: new Map(headers), body };
}
