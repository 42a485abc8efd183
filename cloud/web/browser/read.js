// Reads a book's file into rows of text, CSV or XLSX; never evaluates a formula, never sends anything.
// A table is {headings: string[], rows: {line: number, cells: string[]}[]}; `line` is the file's own.
import Papa from "papaparse";
import readWorkbook from "read-excel-file/universal";
import { unzipSync } from "fflate";
import { formulas } from "./formulas.js";

export const MOST_BYTES = 8 << 20;
export const MOST_ROWS = 10000;
const MOST_UNPACKED = 96 << 20;
const MOST_COLUMNS = 200;

/** What is wrong with a file as a whole; `code` names its words. */
export class BadFile extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Record<string, {headings: string[], rows: {line: number, cells: string[]}[]}>>} by sheet; a CSV has one, ""
 */
export async function readBook(bytes) {
  if (bytes.length > MOST_BYTES) throw new BadFile("too_large");
  if (bytes.length === 0) throw new BadFile("empty");
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return sheets(bytes);
  if (bytes[0] === 0xd0 && bytes[1] === 0xcf) throw new BadFile("old_excel");
  return { "": table(separated(decoded(bytes))) };
}

/** Chinese programs write GBK as often as UTF-8; what is valid UTF-8 is taken as that. @param {Uint8Array} bytes */
function decoded(bytes) {
  for (const encoding of ["utf-8", "gb18030"]) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
      if (!text.includes("\0")) return text;
    } catch { /* the next one; none: below */ }
  }
  throw new BadFile("not_text");
}

/** @param {string} text */
function separated(text) {
  const read = Papa.parse(text, { delimitersToGuess: [",", ";", "\t"], skipEmptyLines: false });
  const broken = read.errors.find((one) => one.type === "Quotes");
  if (broken) throw new BadFile("open_quote");
  let line = 1;
  return read.data.map((/** @type {string[]} */ cells) => {
    const row = { line, cells: cells.map((cell) => cell.trim()) };
    line += 1 + cells.reduce((n, cell) => n + (cell.match(/\r\n|\n|\r/g) ?? []).length, 0);
    return row;
  });
}

/** @param {Uint8Array} bytes */
async function sheets(bytes) {
  let unpacked = 0;
  const counted = (/** @type {{name: string, originalSize: number}} */ file) => {
    unpacked += file.originalSize;
    if (unpacked > MOST_UNPACKED) throw new BadFile("too_large");
    return /^xl\/(workbook\.xml|_rels\/workbook\.xml\.rels|worksheets\/[^/]+\.xml)$/.test(file.name);
  };
  try {
    const parts = unzipSync(bytes, { filter: counted });
    const written = formulas(parts);
    const found = await readWorkbook(new Blob([bytes]));
    return Object.fromEntries(found.map(({ sheet, data }) => {
      const rows = data.map((/** @type {unknown[]} */ cells, /** @type {number} */ n) => ({
        line: n + 1,
        cells: cells.map((cell, m) => written[sheet]?.[`${n}:${m}`] ?? asText(cell)),
      }));
      return [sheet, table(rows)];
    }));
  } catch (error) {
    if (error instanceof BadFile) throw error;
    throw new BadFile("not_a_workbook");
  }
}

/** A day at midnight is a day without a time: Excel has no other way to write one. @param {unknown} cell */
function asText(cell) {
  if (cell === null || cell === undefined) return "";
  if (!(cell instanceof Date)) return String(cell).trim();
  const text = new Date(Math.round(cell.getTime() / 1000) * 1000).toISOString();
  return text.slice(11, 19) === "00:00:00" ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

/** @param {{line: number, cells: string[]}[]} all */
function table(all) {
  const filled = all.filter((row) => row.cells.some((cell) => cell !== ""));
  if (filled.length === 0) return { headings: [], rows: [] };
  const [first, ...rows] = filled;
  if (first.cells.length > MOST_COLUMNS) throw new BadFile("too_many_columns");
  if (rows.length > MOST_ROWS) throw new BadFile("too_many_rows");
  return { headings: first.cells, rows };
}
