// What the checks of a book have in common: how a cell is spelled, and what a code is; never repeats a cell.

export const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** @typedef {{line: number, cells: string[]}} Line */

/** What is wrong with one cell. */
export class Wrong extends Error {}

/** @param {string} text */
export const plain = (text) => text.normalize("NFKC").trim();
/** @param {string} text */
export const folded = (text) => plain(text).toLowerCase();
