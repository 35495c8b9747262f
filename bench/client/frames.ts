/** RFC 6455, as much of it as a load client needs: unfragmented frames, no extensions. */

export const OPCODE = { text: 1, close: 8 } as const;

/** Called with the payload's place in `buffer`, which is valid during the call only. */
export type OnFrame = (opcode: number, buffer: Buffer, start: number, end: number) => void;

const EMPTY = Buffer.alloc(0);

/** Cuts a server's byte stream into frames. Copies only the frame that a read has cut in two. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer = EMPTY;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes the first `length` bytes of `chunk`; they may be overwritten afterwards. */
  push(chunk: Buffer, length: number): void {
    let buffer = chunk;
    let size = length;
    if (this.#rest.length > 0) {
      buffer = Buffer.concat([this.#rest, chunk.subarray(0, length)]);
      size = buffer.length;
      this.#rest = EMPTY;
    }
    let at = 0;
    while (size - at >= 2) {
      const first = buffer[at] ?? 0;
      const second = buffer[at + 1] ?? 0;
      // A server never masks; FIN without extension bits is all it may send without extensions.
      if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0) throw new Error("Not a plain server frame.");
      let start = at + 2;
      let bytes = second;
      if (second === 126) {
        if (size - at < 4) break;
        bytes = buffer.readUInt16BE(at + 2);
        start = at + 4;
      } else if (second === 127) {
        if (size - at < 10) break;
        bytes = Number(buffer.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      if (size - start < bytes) break;
      at = start + bytes;
      this.#onFrame(first & 0x0f, buffer, start, at);
    }
    if (at < size) this.#rest = Buffer.from(buffer.subarray(at, size));
  }
}

/** A text frame from the client. Masked, as it must be, with zeros: the server is on this machine. */
export const encodeText = (text: string): Buffer => {
  const payload = Buffer.from(text);
  const { length } = payload;
  if (length > 0xffff) throw new Error("Longer than anything a load client has to say.");
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0xfe, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
};
