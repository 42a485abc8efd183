// The page that brings books in: choose, match columns, look, seal, send. What it sends is sealed rows, and which
// heading belongs to which field; never a cell about a customer. Channels are about companies: they go as they are,
// code, name and agents' codes, and headquarters seals them. Everything of a file is shown as text, never as markup.

/** @typedef {{name: string, headings: string[], rows: number}} Sheet */

const given = JSON.parse(/** @type {string} */ (document.getElementById("given")?.dataset.given));
const words = given.words;
/** @param {string} key @param {Record<string, unknown>} values */
const say = (key, values = {}) => (words[key] ?? key).replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => String(values[name]));
/** @param {string} id @returns {any} */
const by = (id) => document.getElementById(id);
/** @param {string} tag @param {Record<string, string>} attributes @param {(Node | string)[]} inside */
function element(tag, attributes = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

const worker = new Worker("/static/built/books-worker.js", { type: "module" });
/** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
const waiting = new Map();
let asked = 0;
worker.addEventListener("message", ({ data }) => {
  if (data.done !== undefined) {
    progressed(data.done, data.all);
    return;
  }
  const one = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.fault) one?.reject(new Error(data.fault));
  else one?.resolve(data.answer);
});
worker.addEventListener("error", () => problem("broken"));
/** @param {string} ask @param {Record<string, unknown>} rest @returns {Promise<any>} */
function toWorker(ask, rest) {
  asked += 1;
  const id = asked;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, ask, ...rest });
  });
}

/** @type {Sheet[]} */
let sheets = [];
/** @type {any} */
let place = null;
let round = 0;

/** @param {string} code @param {Record<string, unknown>} values */
function problem(code, values = {}) {
  const box = by("problem");
  box.textContent = words[`fault.${code}`] ? say(`fault.${code}`, values) : say("fault.broken");
  box.hidden = false;
}
const sheet = () => sheets[Number(by("sheet").value) || 0];
const kind = () => by("kind").value;

/** Asks headquarters to which boxes one seals; without that nothing else makes sense. */
async function choose() {
  place = null;
  by("problem").hidden = true;
  if (!by("project").value) return;
  const { ok, said } = await asking(`/books/project/${encodeURIComponent(by("project").value)}`);
  if (!ok) {
    problem(said.code, { hint: said.hint });
    return;
  }
  place = said;
  offerMappings();
}

/** @param {string} field */
const label = (field) => say(words[`field.${kind()}.${field}`] ? `field.${kind()}.${field}` : `field.${field}`);
const ofChannels = () => kind() === "channel";
/** To whom what goes, and how much of it at once. */
function tellWhereTo() {
  const boxes = place.boxes.map((/** @type {any} */ one) => one.box).join("、");
  by("boxes").textContent = say(ofChannels() ? "books.boxes_of_channels" : "books.boxes", { boxes, most: Math.floor(given.most / place.boxes.length) });
  by("send").textContent = say(ofChannels() ? "books.save_channels" : "books.send");
}

function offerMappings() {
  tellWhereTo();
  const mine = place.mappings.filter((/** @type {any} */ one) => one.kind === kind());
  by("saved").replaceChildren(element("option", { value: "" }, say("books.by_words")), ...mine.map((/** @type {any} */ one) => element("option", { value: one.name }, one.name)));
  if (mine.length === 1) by("saved").value = mine[0].name;
}

async function opened() {
  const [file] = by("file").files;
  for (const id of ["match", "look"]) by(id).hidden = true;
  by("problem").hidden = true;
  if (!file || !place) return;
  if (file.size > given.most_bytes) {
    problem("too_large");
    return;
  }
  try {
    ({ sheets } = await toWorker("read", { file }));
  } catch (fault) {
    problem(/** @type {Error} */ (fault).message);
    return;
  }
  by("sheet").replaceChildren(...sheets.map((one, n) => element("option", { value: String(n) }, one.name || "1")));
  by("sheets").hidden = sheets.length < 2;
  await match();
}

/** Shows for each field the column it was found in. */
async function match() {
  const { headings } = sheet();
  const mine = place.mappings.find((/** @type {any} */ one) => one.kind === kind() && one.name === by("saved").value);
  const { columns } = await toWorker("match", { sheet: sheet().name, kind: kind(), books: given.books, saved: mine?.columns });
  const rows = given.books[kind()].fields.map((/** @type {string} */ field) => {
    const id = `column-${field}`;
    const choice = element("select", { id, "data-field": field }, element("option", { value: "" }, say("books.no_column")),
      ...headings.map((one, n) => element("option", { value: String(n) }, one || say("books.nameless", { n: n + 1 }))));
    /** @type {HTMLSelectElement} */ (choice).value = columns[field] === undefined ? "" : String(columns[field]);
    choice.addEventListener("change", look);
    const needed = given.books[kind()].required.includes(field);
    const name = element("label", { for: id }, label(field));
    if (needed) name.append(" ", element("span", { class: "chip review" }, say("books.needed")));
    return element("div", {}, name, choice);
  });
  by("columns").replaceChildren(...rows);
  by("whole-line").hidden = kind() !== "customer";
  by("mapping-name").value = by("saved").value;
  by("mapping-said").textContent = "";
  by("match").hidden = false;
  await look();
}

function columns() {
  /** @type {Record<string, number>} */
  const found = {};
  for (const one of by("columns").querySelectorAll("select")) if (one.value !== "") found[one.dataset.field] = Number(one.value);
  return found;
}

/** Checks every row and shows what is wrong, or what will be sealed. */
async function look() {
  round += 1;
  const mine = round;
  const known = { zone: given.zone, now: Date.now(), channels: place.channels, vocabulary: given.vocabulary };
  const found = await toWorker("check", { sheet: sheet().name, kind: kind(), books: given.books, columns: columns(), known, whole: by("whole").checked });
  if (mine !== round) return;
  const most = Math.floor(given.most / place.boxes.length) - 1;
  const faults = [
    ...found.missing.map((/** @type {string} */ field) => say("books.missing", { field: label(field) })),
    ...(found.bare ? [say("books.no_headings")] : []),
    ...found.doubled.map((/** @type {string} */ heading) => say("books.doubled", { heading })),
    ...found.personal.map((/** @type {string} */ heading) => say("books.personal", { heading })),
    ...(found.count === 0 ? [say("books.no_rows")] : []),
    ...(!ofChannels() && found.count > most ? [say("fault.too_many_rows_here", { most })] : []),
    ...(ofChannels() && found.channels > given.most_channels ? [say("fault.too_many_channels")] : []),
  ];
  const bad = faults.length > 0 || found.faults.length > 0;
  by("counted").textContent = bad
    ? say("books.wrong", { rows: found.count, faults: faults.length + (found.total ?? 0) })
    : say(!ofChannels() ? "books.right" : columns().agents === undefined ? "books.right_channels" : "books.right_agents", { rows: found.count, boxes: place.boxes.length, channels: found.channels, agents: found.agents });
  by("counted").className = bad ? "bad-note" : "good-note";
  by("of-file").replaceChildren(...faults.map((one) => element("li", {}, one)));
  by("kinds").replaceChildren(...Object.entries(found.counts).map(([code, n]) => element("li", { class: "chip bad" }, say("books.times", { what: say(`wrong.${code}`), n }))));
  showFaults(found);
  showFirst(found);
  by("to-channels").hidden = !found.counts.unknown_channel;
  by("send").disabled = bad;
  by("save-mapping").disabled = found.bare; // what stands in its place is a customer
  by("look").hidden = false;
}

/** @param {any} found */
function showFaults(found) {
  by("faults").hidden = found.faults.length === 0;
  const heading = (/** @type {string} */ field) => sheet().headings[columns()[field]] ?? label(field);
  by("fault-rows").replaceChildren(...found.faults.map((/** @type {any} */ one) => element("tr", {},
    element("th", { scope: "row", class: "num" }, String(one.line)), element("td", {}, heading(one.field)),
    element("td", {}, say(`wrong.${one.code}`)), element("td", { class: "advice" }, say(`hint.${one.code}`)))));
  by("more").textContent = found.total > found.faults.length ? say("books.more", { n: found.total - found.faults.length }) : "";
}

/** @param {any} found */
function showFirst(found) {
  by("first").hidden = !found.first.length;
  if (!found.first.length) return;
  by("first-head").replaceChildren(...found.fields.map((/** @type {string} */ field) => element("th", { scope: "col" }, label(field))));
  by("first-rows").replaceChildren(...found.first.map((/** @type {string[]} */ cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell)))));
}

/** @param {number} done @param {number} all */
function progressed(done, all) {
  by("bar").value = done / all;
  by("bar-said").textContent = say("books.sealing", { done, all });
}

/** A session that is over answers with the login's page, which is no JSON. @param {string} path @param {RequestInit} [how] */
async function asking(path, how) {
  try {
    const answer = await fetch(path, how);
    return { ok: answer.ok, said: await answer.json() };
  } catch {
    return { ok: false, said: { code: "unavailable", hint: "" } };
  }
}

/** @param {string} path @param {unknown} body */
const post = (path, body) => asking(path, { method: "POST", headers: { "content-type": "application/json", "x-csrf": given.csrf }, body: JSON.stringify(body) });

async function sendSealed() {
  progressed(0, sheet().rows * place.boxes.length);
  const { boxes } = await toWorker("seal", { boxes: place.boxes });
  by("bar").removeAttribute("value");
  by("bar-said").textContent = say("books.sending");
  const { ok, said } = await post("/books", { project: by("project").value, kind: kind(), boxes });
  return { ok, said, seen: `/books/imports?new=${said.import_id}` };
}

async function sendChannels() {
  const project = encodeURIComponent(by("project").value);
  by("bar").removeAttribute("value");
  by("bar-said").textContent = say("books.saving_channels");
  const { ok, said } = await post(`/books/project/${project}/channels`, await toWorker("channels", {}));
  return { ok, said, seen: `/books/channels?project=${project}&new=${said.import_id}` };
}

async function send() {
  by("problem").hidden = true;
  for (const one of document.querySelectorAll("#bring select, #bring input, #bring button")) /** @type {any} */ (one).disabled = true;
  by("bar-line").hidden = false;
  try {
    const { ok, said, seen } = await (ofChannels() ? sendChannels() : sendSealed());
    if (!ok) problem(said.code, { hint: said.hint ?? "" });
    else location.assign(seen);
    if (ok) return;
  } catch {
    problem("broken");
  }
  by("bar-line").hidden = true;
  for (const one of document.querySelectorAll("#bring select, #bring input, #bring button")) /** @type {any} */ (one).disabled = false;
  by("problem").focus();
}

async function saveMapping() {
  const named = Object.fromEntries(Object.entries(columns()).map(([field, n]) => [field, sheet().headings[n]]));
  const mapping = { name: by("mapping-name").value.trim(), kind: kind(), columns: named };
  const { ok, said } = await post(`/books/project/${encodeURIComponent(by("project").value)}/mapping`, mapping);
  by("mapping-said").textContent = ok ? say("books.mapping_saved") : say(words[`fault.${said.code}`] ? `fault.${said.code}` : "fault.bad_mapping");
  if (ok) {
    place.mappings = [...place.mappings.filter((/** @type {any} */ one) => one.name !== mapping.name || one.kind !== mapping.kind), mapping];
    offerMappings();
    by("saved").value = mapping.name;
  }
}

if (!globalThis.isSecureContext || !crypto.subtle) problem("insecure");
else {
  by("bring").hidden = false;
  by("project").addEventListener("change", () => choose().then(opened));
  by("kind").addEventListener("change", () => { if (place) offerMappings(); return opened(); });
  by("file").addEventListener("change", opened);
  by("saved").addEventListener("change", match);
  by("sheet").addEventListener("change", match);
  by("whole").addEventListener("change", look);
  by("save-mapping").addEventListener("click", saveMapping);
  by("send").addEventListener("click", send);
  choose().then(opened);
}
