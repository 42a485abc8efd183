// The visitor's own page: fetches sealed bytes, opens them with the key in the address, and seals what the
// visitor asks. Keeps nothing in the browser, asks no other server, and puts text into the page only as text.
import { newId, opened, parts, sealedRequest } from "./visitor-crypto.js";
import { named, say } from "./visitor-texts.js";

const RETRY_MS = 3000, RETRY_MOST_MS = 60000, WAIT_MS = 2000, WAIT_TIMES = 30;
const content = document.getElementById("content");
const status = document.getElementById("status");
const language = document.getElementById("language");
const code = parts(location);
let lang = (navigator.language || "zh").startsWith("zh") ? "zh" : "en";
let held = null;
let told = ["opening", {}];

const t = (name, values) => say(lang, name, values);
const n = (family, value, values) => named(lang, family, value, values);
const at = (ms) =>
  new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Shanghai" }).format(ms);
const day = (ms) =>
  new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", { dateStyle: "long", timeZone: "Asia/Shanghai" }).format(ms);

const el = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
};
const card = (id, title, ...children) =>
  el("section", { class: "card", id, "aria-labelledby": `h-${id}` }, el("h2", { id: `h-${id}` }, title), ...children);
const muted = (...words) => el("p", { class: "muted" }, words.filter(Boolean).join(" · "));

const tell = (name, values = {}) => {
  told = [name, values];
  status.textContent = name ? t(name, values) : "";
};

// -- the network ---------------------------------------------------------------------------------------

const look = async () => {
  const answer = await fetch(`/r/${code.link}/package`, { credentials: "omit", cache: "no-store" });
  if (answer.status === 429) throw new Error("slower");
  if (!answer.ok) throw new Error("unreachable");
  return opened(code, new Uint8Array(await answer.arrayBuffer()));
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const open = async () => {
  for (let pausing = RETRY_MS; ; pausing = Math.min(pausing * 1.2, RETRY_MOST_MS)) {
    try {
      held = await look();
      if (held) return show();
      tell("closed");
    } catch (error) {
      tell(error.message === "slower" ? "slower" : "unreachable", { n: 1 });
    }
    await pause(pausing);
  }
};

// Seal one act, send it, and wait for the package that knows of it.
const ask = async (act, more = {}) => {
  for (const button of document.querySelectorAll("main button")) button.disabled = true;
  tell("sending");
  status.scrollIntoView({ block: "nearest" });
  const id = newId();
  try {
    held = (await look()) ?? held;
    const body = await sealedRequest(code, { v: 1, id, revision: held.revision, act, ...more });
    const headers = { "content-type": "application/octet-stream" };
    const answer = await fetch(`/r/${code.link}/request`, { method: "POST", body, headers, credentials: "omit" });
    if (answer.status === 429) return show("slower", { n: 10 });
    if (!answer.ok) return show("failed");
  } catch {
    return show("failed");
  }
  tell("sent");
  for (let turn = 0; turn < WAIT_TIMES; turn += 1) {
    await pause(WAIT_MS);
    const now = await look().catch(() => null);
    if (now && (now.state !== "held" || now.requests.some((one) => one.id === id))) {
      held = now;
      return now.state === "erasing" ? wait() : show(now.state === "held" ? "answered" : "");
    }
  }
  return show("late");
};

const wait = async () => {
  show();
  for (let turn = 0; turn < WAIT_TIMES && held.state === "erasing"; turn += 1) {
    await pause(WAIT_MS);
    held = (await look().catch(() => null)) ?? held;
  }
  show();
};

// -- the page ------------------------------------------------------------------------------------------

// A button that asks once more in its own place before anything happens.
const sure = (label, question, act, style = "") => {
  const place = el("div", {});
  const first = () => place.replaceChildren(el("button", { type: "button", class: style, onclick: second }, label));
  const second = () => {
    const yes = el("button", { type: "button", class: "wide sure", onclick: act }, t("yes"));
    place.replaceChildren(
      el("p", { class: "notice" }, question), yes,
      el("button", { type: "button", class: "wide", onclick: () => { first(); place.firstChild.focus(); } }, t("no")),
    );
    yes.focus();
  };
  first();
  return place;
};

const scopes = () => {
  const first = (one) => (one.scope === "registration" ? 0 : 1);
  const asked = held.scopes.filter((one) => one.state !== "SILENT").sort((a, b) => first(a) - first(b));
  const rows = asked.map((one) => {
    const name = n("scope", one.scope), active = one.state === "ACTIVE";
    return el("li", { "data-scope": one.scope, "data-state": one.state },
      el("div", { class: "line" }, el("span", { class: "name" }, name),
        el("span", { class: active ? "tag on" : "tag" }, n("state", one.state))),
      muted(one.at_ms ? t(active ? "since" : "until", { at: at(one.at_ms) }) : "", one.notice ? t("notice", { n: one.notice }) : ""),
      active ? sure(t("withdraw"), t("withdraw_sure", { n: name }), () => ask("withdraw", { scopes: [one.scope] })) : null);
  });
  return card("scopes", t("scopes"), el("ul", { class: "rows" }, ...rows));
};

const basisOf = (basis) => {
  const [kind, scope] = basis.split(":");
  return n("basis", kind, { n: scope ? n("scope", scope) : "" });
};

const things = () => {
  const rows = held.held.map((one) => el("li", { "data-what": one.what },
    el("p", { class: "name" }, n("what", one.what) + (one.what === "number" && held.number ? ` ${held.number}` : "")),
    muted(basisOf(one.basis), t("since", { at: at(one.since_ms) }), one.count > 1 ? t("times", { n: one.count }) : "")));
  return card("held", t("held"), rows.length ? el("ul", { class: "rows" }, ...rows) : el("p", {}, t("nothing")));
};

const visits = () => {
  const rows = held.visits.map((one) => el("li", {},
    el("p", { class: "name" }, `${at(one.from_ms)} – ${one.to_ms ? at(one.to_ms) : t("still_there")}`),
    muted(t("party", { n: one.party }), ...one.signs.map(([kind]) => n("sign", kind)), one.source ? t("source", { n: n("told", one.source) }) : "")));
  if (!rows.length) return null;
  return card("visits", t("visits"), el("ul", { class: "rows" }, ...rows), held.more_visits ? muted(t("more", { n: held.more_visits })) : null);
};

const requests = () => {
  const rows = held.requests.map((one) => el("li", { "data-act": one.act, "data-state": one.state },
    el("div", { class: "line" }, el("span", { class: "name" }, n("act", one.act)), el("span", { class: `tag ${one.state === "done" ? "on" : one.state}` }, n("stands", one.state))),
    el("p", {}, n("code", one.code)),
    muted(t("asked", { at: at(one.at_ms) }), one.state === "waits" ? t("due", { at: day(one.due_ms) }) : t("settled", { at: at(one.settled_ms) }))));
  if (!rows.length) return null;
  return card("requests", t("requests"), el("ul", { class: "rows" }, ...rows), held.more_requests ? muted(t("more", { n: held.more_requests })) : null);
};

const written = (act) => {
  const words = el("textarea", { id: `words-${act}`, maxlength: 400, required: "" });
  const send = (event) => {
    event.preventDefault();
    if (words.value.trim()) ask(act, { text: words.value.trim() });
    else words.focus();
  };
  return el("details", { id: act }, el("summary", {}, t(act)),
    el("form", { class: "inside", onsubmit: send, novalidate: "" }, el("p", { class: "muted" }, t(`${act}_note`)),
      el("label", { for: `words-${act}` }, t("words")), words, el("button", { class: "wide" }, t("send"))));
};

const save = () => {
  const file = new Blob([JSON.stringify(held, null, 1)], { type: "application/json" });
  const link = el("a", { href: URL.createObjectURL(file), download: `gatehouse-${held.revision}.json` });
  link.click();
  URL.revokeObjectURL(link.href);
};

const acts = () => card("acts", t("acts"), written("correct"),
  el("details", { id: "copy" }, el("summary", {}, t("copy")), el("div", { class: "inside" }, el("p", { class: "muted" }, t("copy_note")),
    el("button", { type: "button", class: "wide", onclick: save }, t("save")),
    el("button", { type: "button", class: "wide", onclick: () => ask("copy") }, t("copy_ask")))),
  written("complain"),
  el("details", { id: "erase" }, el("summary", {}, t("erase")), el("div", { class: "inside" }, el("p", { class: "muted" }, t("erase_note")),
    sure(t("erase"), t("erase_sure"), () => ask("erase"), "wide red"))));

const routes = () => ["contact", "complaints"].filter((name) => held.words[name]).map((name) => card(name, t(name), el("p", {}, held.words[name][lang])));

const receipt = () => {
  const rows = Object.entries(held.receipt.rows).map(([name, count]) => [n("row", name), count]);
  const lines = [[t("receipt_at"), at(held.receipt.at_ms)], [t("receipt_keys"), held.receipt.keys], ...rows];
  return card("receipt", t("receipt"), el("dl", { class: "receipt" }, ...lines.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))])),
    el("p", { class: "notice" }, t("receipt_note")), el("button", { type: "button", class: "wide", onclick: save }, t("save")));
};

const show = (name = "", values = {}) => {
  tell(name, values);
  content.dataset.state = held.state;
  if (held.state !== "held") {
    const said = t(held.state, { at: at(held.at_ms) });
    document.getElementById("title").focus();
    scrollTo(0, 0);
    content.replaceChildren(el("p", { class: "card good lead", id: "over", role: "status" }, said), ...(held.receipt ? [receipt()] : []), ...routes());
    return;
  }
  const top = el("section", { class: "card" }, held.number ? el("p", { class: "lead name" }, t("number", { n: held.number })) : null,
    el("p", { class: "muted" }, t("as_of", { at: at(held.at_ms) })), held.whole ? null : el("p", { class: "notice" }, t("part")));
  const shown = [top, requests(), scopes(), things(), visits(), acts(), ...routes(), el("p", { class: "notice" }, t("keep"))];
  content.replaceChildren(...shown.filter(Boolean));
};

const speak = () => {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.title = document.getElementById("title").textContent = t("title");
  language.textContent = t("other");
  language.lang = lang === "zh" ? "en" : "zh-CN";
  language.hidden = false;
  tell(...told);
  if (held) show(...told);
};

language.addEventListener("click", () => { lang = lang === "zh" ? "en" : "zh"; speak(); });
addEventListener("hashchange", () => location.reload());
speak();
if (!code) tell("incomplete");
else if (!globalThis.crypto?.subtle) tell("old");
else open();
