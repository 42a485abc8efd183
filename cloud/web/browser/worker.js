// Reads, checks and seals beside the page, so that it never stands still; the page gets counts, masked rows,
// sealed ones and channels (which are about companies), and no number.
import { FIRST_FAULTS, checked, matched, unfit } from "./check.js";
import { BadFile, readBook } from "./read.js";
import { sealed } from "./seal.js";

/** @type {Awaited<ReturnType<typeof readBook>>} */
let book = {};
/** @type {Record<string, unknown>[]} */
let rows = [];
const SHOWN = 5;

/** @param {string} text */
const hidden = (text) => text.replace(/\d(?=[\d\s().-]*\d{4})/g, "•");

/** @type {Record<string, (asked: any) => unknown>} */
const answers = {
  async read({ file }) {
    rows = [];
    book = await readBook(new Uint8Array(await file.arrayBuffer()));
    return { sheets: Object.entries(book).map(([name, one]) => ({ name, headings: one.headings, rows: one.rows.length })) };
  },
  match({ sheet, kind, books, saved }) {
    return { columns: matched(book[sheet].headings, books[kind], saved) };
  },
  check({ sheet, kind, books, columns, known, whole }) {
    rows = [];
    const table = book[sheet];
    const form = unfit(table.headings, books[kind], columns);
    if (form.missing.length || form.doubled.length || form.personal.length || form.bare || table.rows.length === 0) return { ...form, count: table.rows.length, channels: 0, agents: 0, faults: [], counts: {}, first: [] };
    const found = checked(kind, table.rows, columns, known);
    /** @type {Record<string, number>} */
    const counts = {};
    for (const { code } of found.faults) counts[code] = (counts[code] ?? 0) + 1;
    if (found.faults.length === 0) {
      rows = found.rows;
      if (kind === "customer" && whole) rows = [...rows, { kind: "customer_list", ref: "customer-list", changed_ms: known.now, withdrawn: false }];
    }
    const fields = Object.keys(columns);
    const agents = kind === "channel" ? found.rows.reduce((n, one) => n + (/** @type {any} */ (one).agents?.length ?? 0), 0) : 0;
    const first = table.rows.slice(0, SHOWN).map((row) => fields.map((field) => hidden(row.cells[columns[field]] ?? "")));
    return { ...form, count: table.rows.length, channels: found.rows.length, agents, faults: found.faults.slice(0, FIRST_FAULTS), total: found.faults.length, counts, fields, first };
  },
  channels: () => ({ channels: rows }),
  async seal({ boxes }) {
    const all = rows.length * boxes.length;
    const made = [];
    for (const box of boxes) {
      const before = made.length * rows.length;
      const text = await sealed(rows, box, (n) => {
        if (n % 25 === 0) postMessage({ done: before + n, all });
      });
      made.push({ box: box.box, enrolment_key: box.enrolment_key, rows: text });
    }
    return { boxes: made };
  },
};

addEventListener("message", async ({ data: { id, ask, ...rest } }) => {
  try {
    postMessage({ id, answer: await answers[ask](rest) });
  } catch (error) {
    postMessage({ id, fault: error instanceof BadFile ? error.code : "broken" });
  }
});
