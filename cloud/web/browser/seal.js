// Seals rows to a box, as edge/wire/facts.py says: HPKE in base mode, each row equally long; opens nothing.
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256 as OfTheBrowser, HkdfSha256 } from "@hpke/core";
import { DhkemX25519HkdfSha256 as InScript } from "@hpke/dhkem-x25519";
import { ROW_BYTES, spelled } from "./check.js";

/** @typedef {{tenant: string, box: string, enrolment_key: string}} Box */

/** The browser's own X25519 where it has one (Chromium from 133 on), else the library's. */
async function suite() {
  const parts = { kdf: new HkdfSha256(), aead: new Aes256Gcm() };
  try {
    await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]);
    return new CipherSuite({ ...parts, kem: new OfTheBrowser() });
  } catch {
    return new CipherSuite({ ...parts, kem: new InScript() });
  }
}

/** @param {Record<string, unknown>} row */
export function padded(row) {
  const said = spelled(row);
  if (said.length > ROW_BYTES) throw new RangeError("a row is longer than one can be");
  const whole = new Uint8Array(ROW_BYTES).fill(0x20);
  whole.set(said);
  return whole;
}

/** The canonical spelling: keys in order, no blanks. @param {Box} box */
export function rowInfo({ tenant, box, enrolment_key }) {
  return new TextEncoder().encode(`gatehouse/v1/fact-row\n${JSON.stringify({ box, enrolment_key, tenant })}`);
}

/**
 * @param {Record<string, unknown>[]} rows
 * @param {Box} box
 * @param {(done: number) => void} progress
 * @returns {Promise<string[]>} in base64, in the rows' order
 */
export async function sealed(rows, box, progress) {
  const used = await suite();
  const key = await used.kem.importKey("raw", bytes(box.enrolment_key).buffer, true);
  const info = rowInfo(box);
  const made = [];
  for (const row of rows) {
    const sender = await used.createSenderContext({ recipientPublicKey: key, info });
    const text = new Uint8Array(await sender.seal(padded(row)));
    const enc = new Uint8Array(sender.enc);
    made.push(btoa(String.fromCharCode(...enc, ...text)));
    progress(made.length);
  }
  return made;
}

/** @param {string} hex */
const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (two) => parseInt(two, 16));
