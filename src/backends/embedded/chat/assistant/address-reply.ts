/** Answers questions about an address, from its labels and transfers. */
import { checkedChains, normalizeAddress } from "../../compliance/addresses.ts";
import { enumerated, plural } from "./phrases.ts";
import type { AddressQuestion } from "./question.ts";
import { more, type Reply, type Rows, worth } from "./reply.ts";
import {
  type AddressForms,
  addressExposure,
  addressLabels,
  addressTransfers,
  LIST_ROWS,
  labelsSelect,
} from "./selects.ts";

/** Answers a question about an address. */
export const addressReply = async (question: AddressQuestion, rows: Rows): Promise<Reply> => {
  const forms = formsOf(question);
  if (forms === undefined) {
    const chains = question.chain ?? enumerated(checkedChains);
    const none = `I do not know ${question.address} as an address: its form or its checksum fits none of ${chains}.`;
    return { sentences: [none], selects: [] };
  }
  const { aspect, address } = question;
  const parts: Reply[] = [];
  if (aspect !== "transfers") parts.push(await labelsOf(address, forms, rows));
  if (aspect === "transfers" || aspect === "everything") parts.push(await transfersOf(address, forms, rows));
  if (aspect === "exposure") parts.push(await exposureOf(forms, rows));
  return {
    sentences: parts.flatMap(({ sentences }, i) =>
      sentences.map((sentence, j) => (i > 0 && j === 0 ? `\n${sentence}` : sentence)),
    ),
    selects: parts.flatMap(({ selects }) => selects),
  };
};

const labelsOf = async (address: string, forms: AddressForms, rows: Rows): Promise<Reply> => {
  const select = addressLabels(forms);
  const found = await rows(select);
  if (found.length > 0) {
    const lines = found.map(
      ({ label, category, chain, jurisdiction, source, as_of }) =>
        `\n- ${label} (category ${category}) on ${chain}${jurisdiction ? `, jurisdiction ${jurisdiction}` : ""}; source: ${source}, as of ${as_of}`,
    );
    const head = found.some(({ category }) => category === "sanctions")
      ? `${address} is on a sanctions list, as of the date of the data's copy. Its labels:`
      : `${address} is on no sanctions list in the data. Its labels:`;
    return { sentences: [head, ...lines, ...more(found, LIST_ROWS)], selects: [select] };
  }
  const lists = labelsSelect(true, undefined);
  const known = (await rows(lists)).map(
    (row) => `${row.source}, as of ${row.as_of}, ${plural(row.addresses, "address", "addresses")}`,
  );
  const searched =
    known.length === 0
      ? "The data has no sanctions list, so that says nothing about sanctions."
      : `So it is on none of the sanctions lists that the data has (${known.join("; ")}).`;
  return { sentences: [`The data has no label for ${address}.`, searched], selects: [select, lists] };
};

const transfersOf = async (address: string, forms: AddressForms, rows: Rows): Promise<Reply> => {
  const select = addressTransfers(forms);
  const found = await rows(select);
  const selects = [select];
  if (found.every(({ transfers }) => transfers === 0)) {
    return { sentences: [`The data has no transfers of ${address}.`], selects };
  }
  const lines = found.map(
    (row) => `\n- ${row.direction}: ${plural(row.transfers, "transfer")}. ${worth(row)}`,
  );
  return { sentences: [`Transfers of ${address} in the data:`, ...lines], selects };
};

const exposureOf = async (forms: AddressForms, rows: Rows): Promise<Reply> => {
  const select = addressExposure(forms);
  const found = await rows(select);
  const selects = [select];
  const further = "\nThat is one hop; address_analysis follows more.";
  if (found.length === 0) {
    return { sentences: [`It has no transfers with labelled addresses in the data.`, further], selects };
  }
  const lines = found.map(
    (row) =>
      `\n- ${row.direction === "sent" ? "sent to" : "received from"} ${row.label} (${row.category}): ${plural(row.transfers, "transfer")}. ${worth(row)}`,
  );
  return {
    sentences: [`Its transfers with labelled addresses:`, ...lines, ...more(found, LIST_ROWS), further],
    selects,
  };
};

/** The normal forms of an address on the chains where it is one. */
const formsOf = ({ address, chain }: AddressQuestion): AddressForms | undefined => {
  const chains: string[] = [];
  const forms = new Set<string>();
  for (const each of chain === undefined ? checkedChains : [chain]) {
    const normal = normalizeAddress(each, address);
    if (!normal.ok) continue;
    chains.push(each);
    forms.add(normal.value);
  }
  return chains.length === 0 ? undefined : { chains, forms: [...forms] };
};
