// Makes a book's rows of a table's cells, or says of each wrong cell what is wrong; never repeats a cell.
// The words and fields come from edge/wire/columns.py, the form of a row from edge/wire/facts.py.
import { parsePhoneNumberFromString } from "libphonenumber-js/min";
import { NAME, Wrong, folded, plain } from "./cells.js";
import { holdsANumber } from "./nobody.js";
import { roster, yesOrNo } from "./roster.js";
import { dayEnd, instant } from "./times.js";

const REF = /^[A-Za-z0-9_-]{1,40}$/;
const MOST_BUYERS = 8;
const SHORTEST_HERE = "+861062345678".length;
export const ROW_BYTES = 528;
export const FIRST_FAULTS = 50;
/** Of a heading without a word, as in cloud/books/mappings.py: "#" and "2026" are headings, a time isn't. */
const MOST_DIGITS = 4;

/** @typedef {import("./cells.js").Line} Line */
/** `personal`: what in a heading says that its column is about a person; such a one is never read. */
/** @typedef {{fields: string[], required: string[], words: Record<string, string[]>, personal: string[]}} Book */
/** @typedef {{yes: string[], no: string[], owners: Record<string, string>}} Vocabulary */
/** @typedef {{code: string, name: string, withdrawn: boolean}} Channel */

/**
 * Finds the column of each field: by the saved mapping, else by its usual words.
 * @param {string[]} headings
 * @param {Book} book
 * @param {Record<string, string>} saved
 * @returns {Record<string, number>} a field without a column is left out
 */
export function matched(headings, book, saved = {}) {
  const known = headings.map(folded);
  /** @type {Record<string, number>} */
  const found = {};
  for (const field of book.fields) {
    const words = saved[field] ? [saved[field]] : book.words[field] ?? [];
    const at = words.map((word) => known.indexOf(folded(word))).find((n) => n >= 0);
    if (at !== undefined && !Object.values(found).includes(at)) found[field] = at;
  }
  return found;
}

/**
 * Which fields lack a column, which headings stand twice or are about people: then no row is looked at.
 * @param {string[]} headings
 * @param {Book} book
 * @param {Record<string, number>} columns
 */
export function unfit(headings, book, columns) {
  const used = Object.values(columns);
  const twice = (/** @type {number} */ n) => headings.filter((one) => folded(one) === folded(headings[n])).length > 1;
  return {
    missing: book.required.filter((field) => columns[field] === undefined),
    personal: used.map((n) => headings[n]).filter((one) => book.personal.some((word) => folded(one).includes(word))),
    bare: headings.some((one) => holdsANumber(one) || (!/\p{L}/u.test(one) && (one.match(/\p{Nd}/gu) ?? []).length > MOST_DIGITS)),
    doubled: [...new Set(used.filter((n, at) => twice(n) || used.indexOf(n) !== at).map((n) => headings[n]))],
  };
}

/**
 * @param {string} kind
 * @param {Line[]} lines
 * @param {Record<string, number>} columns
 * @param {{zone: string, now: number, channels: Channel[], vocabulary: Vocabulary}} known
 * @returns {{rows: Record<string, unknown>[], faults: {line: number, field: string, code: string}[]}}
 */
export function checked(kind, lines, columns, known) {
  if (kind === "channel") return roster(lines, columns, known);
  /** @type {Record<string, unknown>[]} */
  const rows = [];
  /** @type {{line: number, field: string, code: string}[]} */
  const faults = [];
  const refs = new Set();
  const channels = byName(known.channels);
  for (const { line, cells } of lines) {
    const take = (/** @type {string} */ field, /** @type {(text: string) => unknown} */ read) => {
      try {
        return read(columns[field] === undefined ? "" : plain(cells[columns[field]] ?? ""));
      } catch (wrong) {
        if (!(wrong instanceof Wrong)) throw wrong;
        faults.push({ line, field, code: wrong.message });
        return undefined;
      }
    };
    const row = { kind, ...common(take, known), ...OF_KIND[kind](take, known, channels) };
    if (typeof row.ref === "string" && refs.has(row.ref)) faults.push({ line, field: "ref", code: "ref_twice" });
    refs.add(row.ref);
    if (faults.at(-1)?.line !== line && spelled(row).length > ROW_BYTES) faults.push({ line, field: "ref", code: "too_long" });
    rows.push(row);
  }
  return { rows, faults };
}

/** @param {unknown} row */
export const spelled = (row) => new TextEncoder().encode(JSON.stringify(row));

/** @typedef {(field: string, read: (text: string) => unknown) => unknown} Take */

/** @param {Take} take @param {{zone: string, now: number, vocabulary: Vocabulary}} known */
function common(take, known) {
  return {
    ref: take("ref", ref),
    changed_ms: take("changed_at", (text) => perhaps(text, known.zone) ?? known.now),
    withdrawn: take("withdrawn", (text) => yesOrNo(text, known.vocabulary)),
  };
}

/** @type {Record<string, (take: Take, known: {zone: string, vocabulary: Vocabulary}, channels: Map<string, string>) => Record<string, unknown>>} */
const OF_KIND = {
  report: (take, known, channels) => ({
    phone: take("phone", (text) => masked(text) ?? phone(text)),
    channel: take("channel", (text) => channel(text, channels)),
    agent: take("agent", agent),
    reported_ms: take("reported_at", (text) => perhaps(text, known.zone)),
  }),
  deal: (take, known, channels) => ({
    channel: take("channel", (text) => (text === "" || known.vocabulary.owners[text.toLowerCase()] === "office" ? null : channel(text, channels))),
    buyers: take("buyers", buyers),
    subscribed_ms: take("subscribed_at", (text) => perhaps(text, known.zone)),
    contracted_ms: take("contracted_at", (text) => perhaps(text, known.zone)),
    owner: take("owner", (text) => {
      if (text === "") return null;
      const who = known.vocabulary.owners[text.toLowerCase()];
      if (!who) throw new Wrong("unknown_owner");
      return who;
    }),
  }),
  customer: (take, known) => ({ phone: take("phone", phone), since_ms: take("since_at", (text) => since(text, known.zone)) }),
  follow_up: (take, known) => ({ report: take("report", ref), at_ms: take("at", (text) => surely(text, known.zone)) }),
  extension: (take, known) => ({
    report: take("report", ref),
    logged_ms: take("logged_at", (text) => surely(text, known.zone)),
    until_ms: take("until_at", (text) => surely(text, known.zone)),
  }),
};

/** @param {string} text */
function ref(text) {
  if (text === "") throw new Wrong("empty");
  if (!REF.test(text)) throw new Wrong("bad_ref");
  if (holdsANumber(text)) throw new Wrong("ref_is_number");
  return text;
}

/** A telephone number in E.164, by the rules of edge/domain/phone.py. @param {string} text */
export function phone(text) {
  if (text === "") throw new Wrong("empty");
  if (masked(text)) throw new Wrong("masked_here");
  const found = /^[+0-9\s().\-‐-―]+$/.test(text) ? parsePhoneNumberFromString(text, "CN") : undefined;
  const whole = found?.number ?? "";
  const mobile = /^\+861[3-9]/.test(whole);
  const cut = mobile ? whole.length !== 14 : whole.startsWith("+86") && whole.length < SHORTEST_HERE;
  if (!found?.isPossible() || cut || !/^\+[1-9][0-9]{6,14}$/.test(whole)) throw new Wrong("not_a_number");
  return whole;
}

/** First three and last four digits, or null. @param {string} text */
function masked(text) {
  const parts = /^(1[3-9][0-9])[*xX•]{4}([0-9]{4})$/.exec(text.replace(/[\s-]/g, ""));
  return parts && `${parts[1]}****${parts[2]}`;
}

/** @param {string} text */
function buyers(text) {
  const all = text.split(/[,;、/|\n]+/).map((one) => one.trim()).filter(Boolean).map(phone);
  if (all.length === 0) throw new Wrong("empty");
  if (all.length > MOST_BUYERS) throw new Wrong("too_many_buyers");
  if (new Set(all).size !== all.length) throw new Wrong("buyer_twice");
  return all;
}

/** @param {Channel[]} channels */
function byName(channels) {
  const standing = channels.filter((one) => !one.withdrawn);
  return new Map([...standing.map((one) => [folded(one.name), one.code]), ...standing.map((one) => [one.code, one.code])]);
}

/** @param {string} text @param {Map<string, string>} channels */
function channel(text, channels) {
  if (text === "") throw new Wrong("empty");
  const code = channels.get(folded(text));
  if (!code) throw new Wrong("unknown_channel");
  return code;
}

/** By a code, never by name or number. @param {string} text */
function agent(text) {
  if (text === "") return null;
  const code = text.toLowerCase();
  if (holdsANumber(code)) throw new Wrong("agent_is_number");
  if (!NAME.test(code)) throw new Wrong("bad_agent");
  return code;
}

/** A time, or null for none; a day without a time is a fault: midnight would be an invention. @param {string} text @param {string} zone */
function perhaps(text, zone) {
  if (text === "") return null;
  const at = instant(text, zone);
  if (at === undefined) throw new Wrong("bad_time");
  if (at === null) throw new Wrong("day_only");
  return at;
}

/** @param {string} text @param {string} zone */
function surely(text, zone) {
  if (text === "") throw new Wrong("empty");
  return perhaps(text, zone);
}

/** A list of owners knows days; it counts from the end of that day, so it accuses nobody of that day. @param {string} text @param {string} zone */
const since = (text, zone) => dayEnd(text, zone) ?? surely(text, zone);
