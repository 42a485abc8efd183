// Whether a text holds a mobile or an identity number, however it is written: as edge/wire/nobody.py says it, which
// is the word that counts; a test holds both together. Never repeats the text.

const GAP = "[\\s‐-―−.,/、·()_-]{1,3}";
const MOBILE = ["1[3-9][0-9]{9}", `1[3-9][0-9]${GAP}[0-9]{4}${GAP}[0-9]{4}`, `1[3-9][0-9]${GAP}[0-9]{3}${GAP}[0-9]{5}`,
  `1[3-9][0-9]${GAP}[0-9]{8}`, `1[3-9][0-9]{5}${GAP}[0-9]{4}`].join("|");
const BORN = "(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])";
const IDENTITY = `[1-9][0-9]{16}[0-9Xx]|[1-9][0-9]{5}(?:${GAP})?${BORN}(?:${GAP})?[0-9]{3}(?:${GAP})?[0-9Xx]`;
const NUMBER = new RegExp(`(?<![0-9])(?:(?:(?:00)?86(?:${GAP})?)?(?:${MOBILE})|${IDENTITY})(?![0-9])`, "u");

/** @param {string} text */
export const holdsANumber = (text) => NUMBER.test(text.normalize("NFKC").replace(/\p{Cf}/gu, ""));
