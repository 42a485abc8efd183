// Finds a workbook's formulas as they are written, so that the value that was stored beside one never stands
// in silently for it; never evaluates one.
import { strFromU8 } from "fflate";
import { Parser } from "saxen";

/**
 * @param {Record<string, Uint8Array>} parts of the workbook, by path
 * @returns {Record<string, Record<string, string>>} by sheet, then by "row:column" from 0: "=" and the formula
 */
export function formulas(parts) {
  /** @type {Record<string, string>} */
  const targets = {};
  each(parts["xl/_rels/workbook.xml.rels"], (name, attributes) => {
    if (name === "Relationship") targets[attributes.Id] = attributes.Target.replace(/^\/?(xl\/)?/, "xl/");
  });
  /** @type {Record<string, Record<string, string>>} */
  const found = {};
  each(parts["xl/workbook.xml"], (name, attributes) => {
    const id = Object.keys(attributes).find((key) => /(^|:)id$/.test(key));
    if (name === "sheet" && id) found[attributes.name] = inSheet(parts[targets[attributes[id]]]);
  });
  return found;
}

/** @param {Uint8Array | undefined} part */
function inSheet(part) {
  /** @type {Record<string, string>} */
  const found = {};
  let cell = "", text = "", inside = false;
  each(part, (name, attributes) => {
    if (name === "c") cell = place(attributes.r);
    if (name === "f") [inside, text] = [true, ""];
  }, (name) => {
    if (name === "f") [found[cell], inside] = [`=${text}`, false];
  }, (more) => { if (inside) text += more; });
  return found;
}

/** "C5" is "4:2". @param {string} reference */
function place(reference) {
  const [, letters, row] = /** @type {RegExpExecArray} */ (/^([A-Z]+)([0-9]+)$/.exec(reference));
  const column = [...letters].reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 64, 0) - 1;
  return `${Number(row) - 1}:${column}`;
}

/**
 * @param {Uint8Array | undefined} part
 * @param {(name: string, attributes: Record<string, string>) => void} opened
 * @param {(name: string) => void} [closed]
 * @param {(text: string) => void} [said]
 */
function each(part, opened, closed, said) {
  if (!part) return;
  const parser = new Parser();
  const local = (/** @type {string} */ name) => name.slice(name.indexOf(":") + 1);
  parser.on("openTag", (/** @type {string} */ name, /** @type {() => Record<string, string>} */ attributes, /** @type {(s: string) => string} */ decode) => {
    const raw = attributes();
    opened(local(name), Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, decode(String(value))])));
  });
  if (closed) parser.on("closeTag", (/** @type {string} */ name) => closed(local(name)));
  if (said) parser.on("text", (/** @type {string} */ text, /** @type {(s: string) => string} */ decode) => said(decode(text)));
  parser.on("error", (/** @type {Error} */ error) => { throw error; });
  parser.parse(strFromU8(part));
}
