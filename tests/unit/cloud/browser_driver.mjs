// Lets the tests call what runs in the browser: one JSON request a line, one JSON answer a line.
import { createInterface } from "node:readline";
import { checked, matched, phone, unfit } from "../../../cloud/web/browser/check.js";
import { holdsANumber } from "../../../cloud/web/browser/nobody.js";
import { readBook } from "../../../cloud/web/browser/read.js";
import { sealed } from "../../../cloud/web/browser/seal.js";
import { dayEnd, instant } from "../../../cloud/web/browser/times.js";

const ask = {
  read: ({ bytes }) => readBook(new Uint8Array(Buffer.from(bytes, "base64"))),
  match: ({ headings, book, saved }) => matched(headings, book, saved),
  unfit: ({ headings, book, columns }) => unfit(headings, book, columns),
  check: ({ kind, lines, columns, known }) => checked(kind, lines, columns, known),
  holds_a_number: ({ text }) => holdsANumber(text),
  phone: ({ text }) => phone(text),
  day_end: ({ text, zone }) => dayEnd(text, zone),
  instant: ({ text, zone }) => instant(text, zone) ?? (instant(text, zone) === null ? "day" : "none"),
  async seal({ rows, box, old }) {
    const own = crypto.subtle.generateKey;
    if (old) crypto.subtle.generateKey = () => { throw new DOMException("no X25519 here"); };
    try {
      return await sealed(rows, box, () => undefined);
    } finally {
      crypto.subtle.generateKey = own;
    }
  },
};
for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...rest } = JSON.parse(line);
  let said;
  try {
    said = { ok: await ask[op](rest) };
  } catch (error) {
    said = { fault: error.code ?? error.message };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
