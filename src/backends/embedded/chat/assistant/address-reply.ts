/** Answers questions about an address, from its labels and transfers. */
import { checkedChains, normalizeAddress } from "../../compliance/addresses.ts";
import {
  type AddressForms,
  addressExposure,
  addressLabels,
  addressTransfers,
  isHex,
} from "./address-selects.ts";
import { enumerated, plural } from "./phrases.ts";
import type { AddressQuestion } from "./question.ts";
import { more, type Reply, type Rows, sourced, worth } from "./reply.ts";
import { LIST_ROWS, labelsSelect } from "./selects.ts";
import type { Row } from "./trade-reply.ts";

/** Answers a question about an address. */
export const addressReply = async (question: AddressQuestion, rows: Rows): Promise<Reply> => {
  const { aspect, address, chain } = question;
  const forms = formsOf(question);
  if (forms.chains.length === 0) {
    const chains = chain ?? enumerated(checkedChains);
    const none = `I do not know ${address} as an address: its form or its checksum fits none of ${chains}.`;
    // Of other chains the data may have labels all the same, of addresses as they were written.
    if (chain !== undefined || aspect === "transfers") return { sentences: [none], selects: [] };
    return unknownForm(none, question, forms, rows);
  }
  const parts: Reply[] = [];
  if (aspect !== "transfers") parts.push(await labelsOf(question, forms, rows));
  if (aspect === "transfers" || aspect === "everything") parts.push(await transfersOf(address, forms, rows));
  if (aspect === "exposure") parts.push(await exposureOf(forms, rows));
  return {
    sentences: parts.flatMap(({ sentences }, i) =>
      sentences.map((sentence, j) => (i > 0 && j === 0 ? `\n${sentence}` : sentence)),
    ),
    selects: parts.flatMap(({ selects }) => selects),
  };
};

const unknownForm = async (
  none: string,
  { address, aspect }: AddressQuestion,
  forms: AddressForms,
  rows: Rows,
): Promise<Reply> => {
  const select = addressLabels(address, forms, undefined);
  const found = await rows(select);
  const selects = [select];
  if (found.length === 0) {
    return { sentences: [none, "As it is written the data has no label for it, on any chain."], selects };
  }
  const rest = aspect === "labels" ? [] : ["\nI look up transfers only of addresses whose form I know."];
  return { sentences: [...labelled(address, undefined, found), ...rest], selects };
};

const labelsOf = async (
  { address, chain }: AddressQuestion,
  forms: AddressForms,
  rows: Rows,
): Promise<Reply> => {
  const select = addressLabels(address, forms, chain);
  const found = await rows(select);
  if (found.length > 0) return { sentences: labelled(address, chain, found), selects: [select] };
  const lists = labelsSelect(true, chain);
  const known = (await rows(lists)).map(
    (row) => `${sourced(row)}, ${plural(row.addresses, "address", "addresses")}`,
  );
  const all = known.length < LIST_ROWS ? known : [...known, "and more"];
  const on = chain === undefined ? "" : ` on ${chain}`;
  const searched =
    known.length === 0
      ? `The data has no sanctions list${on}, so that says nothing about sanctions.`
      : `So it is on none of the sanctions lists that the data has${on} (${all.join("; ")}).`;
  const none = `The data has no label for ${address}${scope(address, chain)}.`;
  return { sentences: [none, searched], selects: [select, lists] };
};

/** Where, and in what form, the labels of an address were looked up. */
const scope = (address: string, chain: string | undefined): string => {
  if (chain !== undefined) return ` on ${chain}`;
  return ` on any chain, ${isHex(address) ? "in upper or lower case" : "as written or in its normal form"}`;
};

/** The labels of an address, of which there is one at least; those of sanctions lists come first. */
const labelled = (address: string, chain: string | undefined, found: readonly Row[]): string[] => {
  const lines = found.map((row) => {
    const category = row.category ? `category ${row.category}` : "no category";
    const jurisdiction = row.jurisdiction ? `, jurisdiction ${row.jurisdiction}` : "";
    return `\n- ${row.label} (${category}) on ${row.chain}${jurisdiction}; source: ${sourced(row)}`;
  });
  const on = chain === undefined ? "" : ` on ${chain}`;
  const head = found.some(({ category }) => category === "sanctions")
    ? `${address} is on a sanctions list, as of the date of the data's copy. Its labels${on}:`
    : `${address} is on no sanctions list in the data, looked up${scope(address, chain)}. Its labels${on}:`;
  return [head, ...lines, ...more(found, LIST_ROWS)];
};

const transfersOf = async (address: string, forms: AddressForms, rows: Rows): Promise<Reply> => {
  const select = addressTransfers(forms);
  const found = await rows(select);
  const selects = [select];
  const on = enumerated(forms.chains);
  if (found.every(({ transfers }) => transfers === 0)) {
    return { sentences: [`The data has no transfers of ${address} on ${on}.`], selects };
  }
  const lines = found.map(
    (row) => `\n- ${row.direction}: ${plural(row.transfers, "transfer")}. ${worth(row)}`,
  );
  return { sentences: [`Transfers of ${address} in the data on ${on}:`, ...lines], selects };
};

const exposureOf = async (forms: AddressForms, rows: Rows): Promise<Reply> => {
  const select = addressExposure(forms);
  const found = await rows(select);
  const selects = [select];
  const on = enumerated(forms.chains);
  const further = "\nThat is one hop; address_analysis follows more.";
  if (found.length === 0) {
    return {
      sentences: [`It has no transfers with labelled addresses in the data on ${on}.`, further],
      selects,
    };
  }
  const lines = found.map(
    (row) =>
      `\n- ${row.direction === "sent" ? "sent to" : "received from"} ${row.label} (${row.category || "no category"}): ${plural(row.transfers, "transfer")}. ${worth(row)}`,
  );
  return {
    sentences: [
      `Its transfers with labelled addresses on ${on}:`,
      ...lines,
      ...more(found, LIST_ROWS),
      further,
    ],
    selects,
  };
};

/** The normal forms of an address on the chains where it is one. */
const formsOf = ({ address, chain }: AddressQuestion): AddressForms => {
  const chains: string[] = [];
  const forms = new Set<string>();
  for (const each of chain === undefined ? checkedChains : [chain]) {
    const normal = normalizeAddress(each, address);
    if (!normal.ok) continue;
    chains.push(each);
    forms.add(normal.value);
  }
  return { chains, forms: [...forms] };
};
