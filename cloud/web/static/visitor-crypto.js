// The keys in a visitor's code: HKDF-SHA256 and AES-256-GCM by the browser's own WebCrypto, as
// edge/domain/rightslink.py has them. The secret stands after the # of the address and is never sent.
const REQUEST_ROOM = 2048;
const text = new TextEncoder();

const bound = (direction, link) => text.encode(`gatehouse/v1/rights/${direction}/${link}`);

const decoded = (base64url) => {
  const plain = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
};

// Return {link, secret} of an address, or null if it isn't one of ours.
export const parts = (location) => {
  const link = /^\/r\/([0-9a-f]{32})$/.exec(location.pathname);
  const secret = /^#([A-Za-z0-9_-]{43})$/.exec(location.hash);
  return link && secret ? { link: link[1], secret: decoded(secret[1]) } : null;
};

const key = async ({ link, secret }, direction, use) => {
  const imported = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info: bound(direction, link) };
  return crypto.subtle.deriveKey(how, imported, { name: "AES-GCM", length: 256 }, false, [use]);
};

// Return what a package says, or null if this code doesn't open it.
export const opened = async (code, sealed) => {
  const how = { name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: bound("package", code.link) };
  try {
    const plain = await crypto.subtle.decrypt(how, await key(code, "package", "decrypt"), sealed.slice(12));
    return JSON.parse(new TextDecoder().decode(plain));
  } catch {
    return null;
  }
};

// Return a request as bytes of the one length that every request has.
export const sealedRequest = async (code, request) => {
  const said = text.encode(JSON.stringify(request));
  if (said.length > REQUEST_ROOM) throw new RangeError("too long");
  const plain = new Uint8Array(REQUEST_ROOM).fill(32);
  plain.set(said);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const how = { name: "AES-GCM", iv, additionalData: bound("request", code.link) };
  const sealed = await crypto.subtle.encrypt(how, await key(code, "request", "encrypt"), plain);
  const whole = new Uint8Array(12 + sealed.byteLength);
  whole.set(iv);
  whole.set(new Uint8Array(sealed), 12);
  return whole;
};

// Return 128 random bits in hex: names one request.
export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
