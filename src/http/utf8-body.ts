const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** The text of a body, or undefined if it is not valid UTF-8. */
export const decodeUtf8 = (bytes: ArrayBuffer): string | undefined => {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
};
