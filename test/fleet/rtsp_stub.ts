import { createServer, type Server, type Socket } from 'node:net';

const SDP = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', ''];

/** Answers OPTIONS and DESCRIBE of any path, as the agent asks them before it starts a camera's process. */
export class RtspStub {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
        for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
          this.#answer(socket, text.slice(0, end));
          text = text.slice(end + 4);
        }
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  url(path: string): string {
    const address = this.#server?.address();
    if (!address || typeof address === 'string') throw new Error('not started');
    return `rtsp://127.0.0.1:${address.port}${path}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #answer(socket: Socket, request: string): void {
    const cseq = /^CSeq: *(\d+)/im.exec(request)?.[1] ?? '0';
    const head = ['RTSP/1.0 200 OK', `CSeq: ${cseq}`];
    if (!request.startsWith('DESCRIBE')) {
      socket.write([...head, 'Public: OPTIONS, DESCRIBE', '', ''].join('\r\n'));
      return;
    }
    const body = SDP.join('\r\n');
    const about = ['Content-Type: application/sdp', `Content-Length: ${body.length}`];
    socket.write([...head, ...about, '', body].join('\r\n'));
  }
}
