/** For the tests of live video: units made up, and a viewer that keeps what it gets. */
import { WebSocket } from 'ws';
import type { AccessUnit } from '../rtsp/types.ts';
import { decodeUnit, type StreamDescription, type UnitHeader } from './wire.ts';

/** 320×180, Constrained Baseline; then the picture parameter set. */
const PARAMETER_SETS = Buffer.from(
  '000000016742c015d901419f9f016a0c0c0d4a000003000200000300151e2c5c900000000168cb8cb2',
  'hex',
);
export const CODEC = 'avc1.42c015';

/** @param mark what is to be told of it again. */
export function unit(mark: string, changes: Partial<AccessUnit> & { bytes?: number } = {}): AccessUnit {
  const { bytes = 0, ...rest } = changes;
  const head = rest.key ? PARAMETER_SETS : Buffer.alloc(0);
  const slice = Buffer.from([0, 0, 1, rest.key ? 0x65 : 0x41]);
  const data = Buffer.concat([head, slice, Buffer.from(mark), Buffer.alloc(bytes, 0x55)]);
  return { data, ptsMs: 0, arrivalMs: 0, key: false, discont: false, damaged: false, ...rest };
}

/** What `unit` was marked with. */
export function markOf(data: Buffer): string {
  const slice = data.subarray(data.lastIndexOf(Buffer.from([0, 0, 1])) + 4).toString('latin1');
  return slice.replace(/U+$/, '');
}

export type Seen = { text: StreamDescription & Record<string, unknown> } | { unit: UnitHeader & { data: Buffer } };

/** A viewer. What it saw, in order. */
export class TestViewer {
  readonly seen: Seen[] = [];
  readonly socket: WebSocket;
  /** Code and reason, once it is over. */
  closed: [number, string] | null = null;
  /** Status and text of an answer that is no WebSocket. */
  refused: [number, string] | null = null;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), { headers, perMessageDeflate: false });
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) this.seen.push({ text: JSON.parse(data.toString()) });
      else {
        const unit = decodeUnit(data);
        if (!unit) throw new Error('no unit');
        this.seen.push({ unit });
      }
    });
    this.socket.on('close', (code, reason) => {
      this.closed = [code, reason.toString()];
    });
    this.socket.on('error', () => undefined);
    this.socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        this.refused = [response.statusCode ?? 0, text];
      });
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  get units(): (UnitHeader & { data: Buffer })[] {
    return this.seen.flatMap((one) => ('unit' in one ? [one.unit] : []));
  }

  get descriptions(): (StreamDescription & Record<string, unknown>)[] {
    return this.seen.flatMap((one) => ('text' in one ? [one.text] : []));
  }

  /** Marks of made-up units; a discontinuity as `|` before. */
  get marks(): string[] {
    return this.units.map(({ data, discontinuity }) => `${discontinuity ? '|' : ''}${markOf(data)}`);
  }

  end(): void {
    this.socket.terminate();
  }
}
