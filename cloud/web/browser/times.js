// Reads a time as a book writes it, in the project's zone; never invents a time of day.

const FORM = /^(\d{4})([-/.年])(\d{1,2})[-/.月](\d{1,2})日?(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,6})?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;
/** @type {Map<string, Intl.DateTimeFormat>} */
const clocks = new Map();

/**
 * @param {string} text
 * @param {string} zone of IANA
 * @returns {number | null | undefined} milliseconds; null: a day without a time; undefined: no time at all
 */
export function instant(text, zone) {
  const found = FORM.exec(text);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = [found[1], found[3], found[4], found[5] ?? "0", found[6] ?? "0", found[7] ?? "0"].map(Number);
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(wall);
  const same = back.getUTCFullYear() === year && back.getUTCMonth() === month - 1 && back.getUTCDate() === day;
  if (!same || hour > 23 || minute > 59 || second > 59 || year < 1970) return undefined;
  if (found[5] === undefined) return found[8] ? undefined : null;
  const at = found[8] ? wall - said(found[8]) : inZone(wall, zone);
  return at < 0 ? undefined : at;
}

/** @param {string} offset */
function said(offset) {
  if (/^z$/i.test(offset)) return 0;
  const [, sign, hours, minutes] = /** @type {RegExpExecArray} */ (/^([+-])(\d{2}):?(\d{2})$/.exec(offset));
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60000;
}

/** @param {number} wall @param {string} zone */
function inZone(wall, zone) {
  const first = wall - ahead(wall, zone);
  return wall - ahead(first, zone);
}

/** By how much a zone's clocks are ahead of UTC at a moment. @param {number} at @param {string} zone */
function ahead(at, zone) {
  let clock = clocks.get(zone);
  if (!clock) {
    clock = new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
      hour: "numeric", minute: "numeric", second: "numeric",
    });
    clocks.set(zone, clock);
  }
  const parts = Object.fromEntries(clock.formatToParts(at).map((one) => [one.type, Number(one.value)]));
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) - Math.floor(at / 1000) * 1000;
}
