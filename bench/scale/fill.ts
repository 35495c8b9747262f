/** Puts texts into their places, each between `<!-- name -->` and `<!-- /name -->`. */
export const fill = (document: string, texts: Readonly<Record<string, string>>): string =>
  Object.entries(texts).reduce((filled, [name, text]) => {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [start, end] = [filled.indexOf(open), filled.indexOf(close)];
    if (start === -1 || end < start) throw new Error(`The document has no place for ${name}.`);
    return `${filled.slice(0, start + open.length)}\n\n${text}\n\n${filled.slice(end)}`;
  }, document);
