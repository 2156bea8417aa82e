// Figures as text, elements from text, and the columns of data in a page. Nothing is requested from a network.
"use strict";

const DAY = 86400;
const KINDS = { u4: Uint32Array, i4: Int32Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array, f4: Float32Array, f8: Float64Array };

const FORMATS = new Map(); // making one takes longer than using it a hundred times
function grouped(value, digits) {
  if (!FORMATS.has(digits)) {
    FORMATS.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  const text = FORMATS.get(digits).format(value);
  return text.replace(/^-(0(\.0*)?)$/, "$1"); // zero has no sign
}
function amount(value) {
  const size = Math.abs(value);
  if (size >= 1 || size === 0) return grouped(value, size >= 1e5 ? 0 : 2);
  return value.toPrecision(4);
}
function price(value) {
  const size = Math.abs(value);
  if (size >= 1000) return grouped(value, 2);
  return size >= 1 ? grouped(value, 4) : value.toPrecision(5);
}
function percent(value, digits = 2) {
  return (value > 0 ? "+" : "") + grouped(value, digits) + " %";
}
function moment(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}
function span(seconds) {
  const parts = [];
  let rest = seconds;
  for (const [size, unit] of [[DAY, "d"], [3600, "h"], [60, "m"], [1, "s"]]) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(" ") || "0 m";
}

/** An element with a text, which is never read as HTML. */
function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function bytesOf(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
/** One column, as `column` of packing.py wrote it. */
function column(text, kind) {
  return new KINDS[kind](bytesOf(text).buffer);
}
/** Many columns, as `pack` of packing.py wrote them: inflated, and each put together from its byte planes. */
async function unpack(packed) {
  const stream = new Blob([bytesOf(packed.deflated)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  if (planes.length !== packed.bytes) throw new Error("the columns of the page are damaged");
  return Object.fromEntries(Object.entries(packed.columns).map(([name, [kind, count, begins]]) => {
    const values = new KINDS[kind](count);
    const bytes = new Uint8Array(values.buffer);
    const size = values.BYTES_PER_ELEMENT;
    for (let plane = 0; plane < size; plane++) {
      const from = begins + plane * count;
      for (let i = 0; i < count; i++) bytes[i * size + plane] = planes[from + i];
    }
    return [name, values];
  }));
}
