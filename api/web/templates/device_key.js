{# The browser's own key: made here, kept in IndexedDB, never readable by anybody. #}
const enc = new TextEncoder();
function keys(mode, work) {
  return new Promise((done, failed) => {
    const opening = indexedDB.open("chancela-device", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
      const request = work(opening.result.transaction("keys", mode).objectStore("keys"));
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    };
  });
}
const stored = () => keys("readonly", (store) => store.get("own"));
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const bytesOf = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
async function publicKey(pair) {
  return new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
}
async function deviceId(pair) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await publicKey(pair)));
  return Array.from(hash.slice(0, 16), (one) => one.toString(16).padStart(2, "0")).join("");
}
async function newKey() {
  const pair = await crypto.subtle.generateKey(
    {name: "ECDSA", namedCurve: "P-256"}, false, ["sign", "verify"]);
  await keys("readwrite", (store) => store.put(pair, "own"));
  return pair;
}
async function signed(pair, message) {
  return base64(await crypto.subtle.sign({name: "ECDSA", hash: "SHA-256"}, pair.privateKey, message));
}
function prefixed(...fields) {
  const parts = fields.map((one) => enc.encode(one));
  const joined = new Uint8Array(parts.reduce((sum, one) => sum + 4 + one.length, 0));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length);
    joined.set(part, at + 4);
    at += 4 + part.length;
  }
  return joined;
}
