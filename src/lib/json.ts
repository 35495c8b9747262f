/** The value that `text` is the JSON of; `undefined`, which no JSON is of, if it is none. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
