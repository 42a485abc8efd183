// Makes channels of a roster's lines: one line for each agent, or several codes in a cell; never reads a column of
// people's names or telephones. The same rules as cloud/client/channels.py; one table of examples holds the two together.
import { NAME, Wrong, plain } from "./cells.js";
import { holdsANumber } from "./nobody.js";

export const MOST = 500;

/** @typedef {import("./cells.js").Line} Line */
/** @typedef {{code: string, name: string, agents?: string[], withdrawn: boolean}} Kept */

/**
 * @param {Line[]} lines
 * @param {Record<string, number>} columns
 * @param {{vocabulary: {yes: string[], no: string[]}}} known
 * @returns {{rows: Kept[], faults: {line: number, field: string, code: string}[]}} without a column of agents they stay as they are
 */
export function roster(lines, columns, known) {
  /** @type {Map<string, Kept & {agents: string[]}>} */
  const found = new Map();
  /** @type {{line: number, field: string, code: string}[]} */
  const faults = [];
  for (const { line, cells } of lines) {
    const take = (/** @type {string} */ field, /** @type {(text: string) => any} */ read) => {
      try {
        return read(columns[field] === undefined ? "" : (cells[columns[field]] ?? "").trim());
      } catch (wrong) {
        if (!(wrong instanceof Wrong)) throw wrong;
        faults.push({ line, field, code: wrong.message });
        return undefined;
      }
    };
    const one = { code: take("ref", code), name: take("name", company), agents: take("agents", agents), withdrawn: take("withdrawn", (text) => yesOrNo(text, known.vocabulary)) };
    if (faults.at(-1)?.line === line) continue;
    const before = found.get(one.code);
    const wrong = joined(before, one);
    if (wrong) faults.push({ line, ...wrong });
    else if (before) before.agents.push(...one.agents);
    else found.set(one.code, one);
  }
  if (columns.agents !== undefined) return { rows: [...found.values()], faults };
  return { rows: [...found.values()].map(({ agents: _, ...rest }) => rest), faults };
}

/** @param {(Kept & {agents: string[]}) | undefined} before @param {Kept & {agents: string[]}} one */
function joined(before, one) {
  const all = [...(before?.agents ?? []), ...one.agents];
  if (before && one.agents.length === 0) return { field: "ref", code: "channel_twice" };
  if (before && before.name !== one.name) return { field: "name", code: "name_differs" };
  if (before && before.withdrawn !== one.withdrawn) return { field: "withdrawn", code: "withdrawn_differs" };
  if (new Set(all).size !== all.length) return { field: "agents", code: "agent_twice" };
  if (all.length > MOST) return { field: "agents", code: "too_many_agents" };
  return undefined;
}

/** @param {string} text */
function code(text) {
  const written = plain(text).toLowerCase();
  if (written === "") throw new Wrong("empty_of_channel");
  if (holdsANumber(written)) throw new Wrong("ref_is_number");
  if (!NAME.test(written)) throw new Wrong("bad_code");
  return written;
}

/** As it is written: it is shown so. @param {string} text */
function company(text) {
  if (text === "") throw new Wrong("empty_of_channel");
  if (holdsANumber(text)) throw new Wrong("name_is_number");
  if ([...text].length > 60 || text.startsWith("=") || /[\p{C}\p{Z}]/u.test(text.replaceAll(" ", ""))) throw new Wrong("bad_name");
  return text;
}

/** @param {string} text */
function agents(text) {
  const all = plain(text).toLowerCase().split(/[;、,/|\s]+/).filter(Boolean);
  if (all.some((one) => holdsANumber(one))) throw new Wrong("agent_is_number");
  if (!all.every((one) => NAME.test(one))) throw new Wrong("bad_agent");
  return all;
}

/** @param {string} text @param {{yes: string[], no: string[]}} vocabulary */
export function yesOrNo(text, { yes, no }) {
  const said = plain(text).toLowerCase();
  if (yes.includes(said)) return true;
  if (no.includes(said)) return false;
  throw new Wrong("not_yes_or_no");
}
