// What every chart shares: colours, the canvas at screen resolution, lines, scale and time marks, the readout.
"use strict";

const FONT = "11px system-ui, sans-serif";
const COLOURS = [
  "paper", "panel", "ink", "soft", "grid", "line", "gain", "loss", "equity", "benchmark", "long", "short",
  "loss-rgb", "above-rgb", "below-rgb",
];

/** The page's colours by name, as they are now: light or dark. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
/** Calls when light becomes dark, or the page another size. */
function onNewLook(relook, redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", relook);
  new ResizeObserver(redraw).observe(document.body);
}
/** Empties the canvas, at the screen's own resolution; sizes are in CSS pixels. */
function sharpen(canvas) {
  const pen = canvas.getContext("2d");
  const sharp = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * sharp) || canvas.height !== Math.round(height * sharp)) {
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
  }
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = FONT;
  return { pen, width, height, sharp };
}
function line(pen, colour, x1, y1, x2, y2) {
  pen.strokeStyle = colour;
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}
/** What a scale at the right and the one of time below it measure, in the corners where they end. */
function nameAxes(pen, colour, width, bottom, name) {
  pen.fillStyle = colour;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  pen.fillText(name, width - 2, 8);
  pen.fillText("time, UTC", width - 2, bottom + 12);
  pen.textAlign = "left";
}
/** Round values from low to high, about so many. */
function steps(low, high, most) {
  const rough = (high - low) / most;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * size).find((s) => s >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(Math.round(value / step) * step + 0);
  return found;
}
/** Decimals that the steps need: none for 1, 2, 3; one for 2.5, 5, 7.5. */
function digitsOf(values) {
  const step = Math.abs(values[1] - values[0]) || 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const left = step * 10 ** digits;
  return Math.abs(left - Math.round(left)) > 1e-6 ? digits + 1 : digits;
}
/** Round times from one to another, at most so many, each with its text. */
function timeMarks(from, to, most) {
  const sizes = [60, 300, 900, 1800, 3600, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
  const step = sizes.find((size) => (to - from) / size <= most);
  if (!step) return monthMarks(from, to, most);
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const text = moment(at);
    found.push([at, at % DAY ? text.slice(11) : text.slice(5, 10)]);
  }
  return found;
}
function monthMarks(from, to, most) {
  const every = [1, 2, 3, 4, 6, 12, 24, 60, 120].find((n) => (to - from) / (n * 30.4 * DAY) <= most) || 240;
  const first = new Date(from * 1000);
  const found = [];
  for (let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / every) * every; ; month += every) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000;
    if (at > to) return found;
    found.push([at, month % 12 ? moment(at).slice(0, 7) : String(Math.floor(month / 12))]);
  }
}
/** A horizontal dashed line at a value that a chart starts from. */
function levelLine(pen, colour, right, y) {
  pen.lineWidth = 1;
  pen.setLineDash([4, 4]);
  line(pen, colour, 0, Math.round(y) + 0.5, right, Math.round(y) + 0.5);
  pen.setLineDash([]);
}
/** The readout above a chart: pairs of a name and a value, each with a colour or none. */
function say(readout, parts) {
  readout.replaceChildren(...parts.map(([name, value, colour]) => {
    const item = document.createElement("span");
    if (colour) {
      const swatch = document.createElement("i");
      swatch.style.background = colour;
      item.append(swatch);
    }
    item.append(name ? `${name} ` : "", element("b", value));
    return item;
  }));
}
