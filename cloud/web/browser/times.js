// Reads a time as a book writes it, in the project's zone; never invents a time of day. The same rules as
// edge/wire/columns.py; tests/unit/cloud/test_books_examples.py holds the two together.

const FORM = /^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]+(\d{1,2}):(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;
const BASIC = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)/i;
/** @param {string} text */
const parts = (text) => FORM.exec(text.replace(BASIC, "$1-$2-$3T$4:$5"));
/** @type {Map<string, Intl.DateTimeFormat>} */
const clocks = new Map();

/**
 * @param {string} text
 * @param {string} zone of IANA
 * @returns {number | null | undefined} milliseconds; null: a day without a time; undefined: no time at all
 */
export function instant(text, zone) {
  const found = parts(text);
  const day = found && dayOf(found);
  if (!found || day === undefined) return undefined;
  if (found[4] === undefined) return found[8] ? undefined : null;
  const [hour, minute, second] = [found[4], found[5], found[6] ?? "0"].map(Number);
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const wall = day + ((hour * 60 + minute) * 60 + second) * 1000 + Number((found[7] ?? "").padEnd(3, "0").slice(0, 3));
  const at = found[8] ? wall - said(found[8]) : inZone(wall, zone);
  return at < 0 ? undefined : at;
}

/**
 * The end of a day of which nobody wrote down the hour: whoever came on it came before.
 * @param {string} text
 * @param {string} zone of IANA
 * @returns {number | undefined} the day's last millisecond; undefined for anything but a day
 */
export function dayEnd(text, zone) {
  const found = parts(text);
  const day = found && found[4] === undefined && found[8] === undefined ? dayOf(found) : undefined;
  return day === undefined ? undefined : inZone(day + 86_400_000, zone) - 1;
}

/** The day's beginning as if in UTC; undefined for one that isn't in the calendar. @param {RegExpExecArray} found */
function dayOf(found) {
  const [year, month, day] = [found[1], found[2], found[3]].map(Number);
  const wall = Date.UTC(year, month - 1, day);
  const back = new Date(wall);
  const same = back.getUTCFullYear() === year && back.getUTCMonth() === month - 1 && back.getUTCDate() === day;
  return same && year >= 1970 ? wall : undefined;
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
  const shown = Object.fromEntries(clock.formatToParts(at).map((one) => [one.type, Number(one.value)]));
  return Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second) - Math.floor(at / 1000) * 1000;
}
