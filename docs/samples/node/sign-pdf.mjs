// Signs a PDF that never leaves this machine: only the digest of its ByteRange does.
//
//   BASE_URL=… CLIENT_ID=… CLIENT_SECRET=… node sign-pdf.mjs PHONE IN.pdf OUT.pdf [LEVEL]
//
// LEVEL is B-B, B-T (default), B-LT or B-LTA.  Plain Node 18 or later, no packages.  To stay
// short it reads PDFs with a classic cross-reference table, an unnumbered form or none, and page
// and catalogue outside object streams; it says so when a file is another.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

const { BASE_URL, CLIENT_ID, CLIENT_SECRET } = process.env;
const ROOM = 32 * 1024; // bytes kept for the CMS or a time-stamp token

async function call(method, path, body) {
  const answer = await fetch(`${BASE_URL}/api/v1${path}`, {
    method,
    body: body && JSON.stringify(body),
    headers: {
      "Content-Type": "application/json",
      Authorization: "Basic " + Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString("base64"),
    },
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function sign(phone, name, digest, level) {
  const item = { kind: "pades-digest", name, digest: digest.toString("base64"), level };
  const started = await call("POST", "/signatures", { citizen: { phone }, items: [item] });
  console.log("id", started.id);
  console.log("authorise", started.authorisation_url);
  for (;;) {
    const found = await call("GET", `/signatures/${started.id}?wait=20`);
    if (found.state === "signed") return found.items[0];
    if (!["created", "asked", "claimed", "completing"].includes(found.state))
      throw new Error(`not signed: ${found.state}`);
  }
}

// A PDF as one string of bytes (latin1), so that offsets are offsets.
class Document {
  constructor(bytes) {
    this.text = bytes.toString("latin1");
    this.start = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(this.text)?.[1]);
    if (!this.text.startsWith("xref", this.start)) throw new Error("no classic xref table");
    this.trailer = dictionaryAt(this.text, this.text.indexOf("<<", this.start));
    this.size = Number(/\/Size (\d+)/.exec(this.trailer)[1]);
    this.root = reference(this.trailer, "Root");
  }

  // The dictionary of an object, the newest one.
  object(number) {
    for (let at = this.start; Number.isFinite(at); ) {
      const offset = offsetIn(this.text, at, number);
      if (offset !== undefined) return dictionaryAt(this.text, this.text.indexOf("<<", offset));
      const trailer = dictionaryAt(this.text, this.text.indexOf("<<", at));
      at = Number(/\/Prev (\d+)/.exec(trailer)?.[1]);
    }
    throw new Error(`object ${number} is not in a table`);
  }

  firstPage() {
    let number = reference(this.object(this.root), "Pages");
    while (/\/Type\s*\/Pages\b/.test(this.object(number)))
      number = Number(/\/Kids\s*\[\s*(\d+)/.exec(this.object(number))[1]);
    return number;
  }

  // A further revision with these objects ({number: text}); what is there stays as it is.
  append(objects) {
    const numbers = Object.keys(objects).map(Number).sort((one, other) => one - other);
    let text = this.text.endsWith("\n") ? this.text : this.text + "\n";
    const offsets = {};
    for (const number of numbers) {
      offsets[number] = text.length;
      text += `${number} 0 obj\n${objects[number]}\nendobj\n`;
    }
    const table = text.length;
    text += "xref\n";
    for (const number of numbers)
      text += `${number} 1\n${String(offsets[number]).padStart(10, "0")} 00000 n \n`;
    const size = Math.max(this.size, numbers.at(-1) + 1);
    const identity = /\/ID\s*\[[^\]]*\]/.exec(this.trailer)?.[0] ?? "";
    text += `trailer\n<< /Size ${size} /Root ${this.root} 0 R /Prev ${this.start} ${identity} >>\n`;
    text += `startxref\n${table}\n%%EOF\n`;
    return new Document(Buffer.from(text, "latin1"));
  }
}

function offsetIn(text, at, wanted) {
  const lines = text.slice(at, text.indexOf("trailer", at)).split(/\r?\n|\r/).slice(1);
  for (let index = 0; index < lines.length; ) {
    const [first, count] = lines[index++].trim().split(/\s+/).map(Number);
    if (wanted >= first && wanted < first + count) {
      const [offset, , kind] = lines[index + wanted - first].trim().split(/\s+/);
      return kind === "n" ? Number(offset) : undefined;
    }
    index += count || 0;
  }
  return undefined;
}

function dictionaryAt(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "(") at = afterString(text, at) - 1;
    else if (text.startsWith("<<", at)) depth++, at++;
    else if (text.startsWith(">>", at) && --depth === 0) return text.slice(start, at + 2);
    else if (text.startsWith(">>", at)) at++;
  }
  throw new Error("a dictionary does not end");
}

function afterString(text, start) {
  for (let at = start, depth = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "(") depth++;
    else if (text[at] === ")" && --depth === 0) return at + 1;
  }
  throw new Error("a string does not end");
}

function reference(dictionary, key) {
  const found = new RegExp(`/${key}\\s+(\\d+)\\s+0\\s+R`).exec(dictionary);
  if (!found) throw new Error(`/${key} is not a reference`);
  return Number(found[1]);
}

// `entry` in front of the end of a dictionary, in place of an earlier one.
function withEntry(dictionary, key, value) {
  const plain = dictionary.replace(new RegExp(`/${key}\\s+\\d+\\s+0\\s+R`), "");
  return plain.replace(/>>$/, `/${key} ${value} >>`);
}

function withMember(dictionary, key, member) {
  const list = new RegExp(`/${key}\\s*\\[([^\\]]*)\\]`);
  if (list.test(dictionary)) return dictionary.replace(list, `/${key} [$1 ${member}]`);
  if (new RegExp(`/${key}\\b`).test(dictionary)) throw new Error(`/${key} is elsewhere`);
  return dictionary.replace(/>>$/, `/${key} [${member}] >>`);
}

// A signature field whose dictionary has room for a CMS; `entries` say what kind it is.
function withField(document, entries, name) {
  const [field, value, form] = [document.size, document.size + 1, document.size + 2];
  const page = document.firstPage();
  const catalogue = document.object(document.root);
  const formAt = /\/AcroForm\s+(\d+)\s+0\s+R/.exec(catalogue);
  if (!formAt && catalogue.includes("/AcroForm")) throw new Error("/AcroForm is inside");
  const objects = {
    [field]:
      `<< /FT /Sig /T (${name}) /V ${value} 0 R /Type /Annot /Subtype /Widget ` +
      `/F 132 /Rect [0 0 0 0] /P ${page} 0 R >>`,
    [value]: `<< ${entries} /ByteRange [${" ".repeat(60)}] /Contents <${"0".repeat(2 * ROOM)}> >>`,
    [page]: withMember(document.object(page), "Annots", `${field} 0 R`),
  };
  if (formAt) {
    const number = Number(formAt[1]);
    objects[number] = withMember(document.object(number), "Fields", `${field} 0 R`);
  } else {
    objects[form] = `<< /Fields [${field} 0 R] /SigFlags 3 >>`;
    objects[document.root] = withEntry(catalogue, "AcroForm", `${form} 0 R`);
  }
  return prepared(document.append(objects), document.text.length);
}

function prepared(document, from) {
  const open = document.text.indexOf("/Contents <0", from) + "/Contents ".length;
  const close = open + 2 * ROOM + 2;
  const range = `0 ${open} ${close} ${document.text.length - close}`;
  const at = document.text.indexOf("/ByteRange [", from) + "/ByteRange [".length;
  const text = document.text.slice(0, at) + range.padEnd(60) + document.text.slice(at + 60);
  const bytes = Buffer.from(text, "latin1");
  const hash = createHash("sha256").update(bytes.subarray(0, open)).update(bytes.subarray(close));
  return { bytes, at: open + 1, digest: hash.digest() };
}

function filled({ bytes, at }, content) {
  if (content.length > ROOM) throw new Error("the CMS is larger than its room");
  bytes.write(content.toString("hex"), at, "latin1");
  return new Document(bytes);
}

function withStore(document, material) {
  const objects = {};
  let next = document.size;
  const list = (values) =>
    values.map((value) => {
      const content = Buffer.from(value, "base64").toString("latin1");
      objects[next] = `<< /Length ${content.length} >>\nstream\n${content}\nendstream`;
      return `${next++} 0 R`;
    });
  const lists = [
    ["Certs", list(material.certificates)],
    ["OCSPs", list(material.ocsp_responses)],
    ["CRLs", list(material.crls)],
  ].filter(([, values]) => values.length);
  objects[next] = `<< ${lists.map(([key, values]) => `/${key} [${values.join(" ")}]`).join(" ")} >>`;
  objects[document.root] = withEntry(document.object(document.root), "DSS", `${next} 0 R`);
  return document.append(objects);
}

// RFC 3161: a request is a fixed prefix around the SHA-256 digest, certReq set.
async function timestamp(digest) {
  const prefix = "30390201013031300d060960864801650304020105000420";
  const request = Buffer.concat([Buffer.from(prefix, "hex"), digest, Buffer.from("0101ff", "hex")]);
  const answer = await fetch(`${BASE_URL}/pki/tsa`, {
    method: "POST",
    body: request,
    headers: { "Content-Type": "application/timestamp-query" },
  });
  const response = Buffer.from(await answer.arrayBuffer());
  const status = elementAt(response, elementAt(response, 0).content);
  if (!answer.ok || response[status.content + 2] > 1) throw new Error("no time-stamp");
  return response.subarray(status.end);
}

function elementAt(der, at) {
  const first = der[at + 1];
  if (first < 0x80) return { content: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  const length = der.readUIntBE(at + 2, count);
  return { content: at + 2 + count, end: at + 2 + count + length };
}

const [phone, source, target, level = "B-T"] = process.argv.slice(2);
const now = new Date().toISOString().replace(/[-:T]/g, "").slice(0, 14);
const kind = `/Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /M (D:${now}Z)`;
const stampKind = "/Type /DocTimeStamp /Filter /Adobe.PPKLite /SubFilter /ETSI.RFC3161";
const open = withField(new Document(readFileSync(source)), kind, "Assinatura");
const signed = await sign(phone, basename(source), open.digest, level);
let document = filled(open, Buffer.from(signed.result, "base64"));
if (signed.material) document = withStore(document, signed.material);
if (level === "B-LTA") {
  const stamped = withField(document, stampKind, "Arquivo");
  document = filled(stamped, await timestamp(stamped.digest));
}
writeFileSync(target, Buffer.from(document.text, "latin1"));
