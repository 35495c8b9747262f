/** Cuts a stream of UTF-8 into its lines, however the bytes are cut. Every line ends with a line feed. */
export class LineDecoder {
  readonly #decoder = new TextDecoder();
  /** Of the line that has begun. Joined only when it is complete: one of 1 MB comes in many pieces. */
  #pieces: string[] = [];

  /** The lines that are complete with these bytes. */
  push(bytes: Uint8Array): string[] {
    const texts = this.#decoder.decode(bytes, { stream: true }).split("\n");
    const rest = texts.pop() ?? "";
    const lines = texts.map((text) => {
      this.#pieces.push(text);
      return this.#pieces.splice(0).join("");
    });
    this.#pieces.push(rest);
    return lines;
  }
}
