// Scales, their marks and names, and figures as text for the charts of a sweep.
"use strict";

/** A figure as in the report; n/a where there is none. */
function figureText(figure, value) {
  if (!Number.isFinite(value)) return "n/a";
  if (figure.id === "round_trips") return grouped(value, 0);
  if (figure.id === "max_drawdown_pct" || !figure.unit) return grouped(value, 2) + figure.unit;
  return percent(value);
}
/** Values below which such shares of them lie; of none, NaN. */
function quantiles(values, shares) {
  const room = new Float64Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) room[count++] = values[i];
  }
  const sorted = room.subarray(0, count).sort();
  return shares.map((share) => (count ? sorted[Math.round(share * (count - 1))] : NaN));
}
/**
 * A scale from values to pixels. A logarithmic one is symmetric around zero (symlog) and nearly linear between -1
 * and 1.
 */
function makeScale(low, high, from, to, bent) {
  const bend = bent ? (value) => Math.sign(value) * Math.log10(1 + Math.abs(value)) : (value) => value;
  const straighten = bent ? (bowed) => Math.sign(bowed) * (10 ** Math.abs(bowed) - 1) : (value) => value;
  const slack = (bend(high) - bend(low)) * 0.04 || Math.abs(bend(high)) * 0.02 || 1;
  const floor = bend(low) - slack;
  const range = bend(high) + slack - floor;
  const at = (value) => from + ((bend(value) - floor) / range) * (to - from);
  const ends = [straighten(floor), straighten(floor + range)];
  return {
    at,
    value: (pixel) => straighten(floor + ((pixel - from) / (to - from)) * range),
    marks: (most) => (bent ? decades(ends, at) : steps(ends[0], ends[1], most)),
  };
}
/** 0 and ±1, ±10, ±100, …, as many as stand apart. */
function decades([low, high], at) {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const found = [0];
  for (let value = 1; value <= size; value *= 10) found.unshift(-value), found.push(value);
  const inside = found.filter((value) => value >= low && value <= high).sort((a, b) => Math.abs(a) - Math.abs(b));
  const kept = [];
  for (const value of inside) {
    if (kept.every((other) => Math.abs(at(other) - at(value)) >= 34)) kept.push(value);
  }
  return kept.sort((a, b) => a - b);
}
/** From the quartiles of the values: a few outliers would leave the others no room on a linear scale. */
function wantsBend([low, left, right, high]) {
  return high - low > 10 * (right - left);
}
/** A canvas that is not laid out yet has no area to draw on. */
function hasRoom(width, height) { return width > 100 && height > 60; }
/** The names of both axes, each along its axis. */
function nameXY(pen, colour, plot, xName, yName) {
  pen.fillStyle = colour;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(xName, (plot.left + plot.right) / 2, plot.bottom + 28, plot.right - plot.left);
  if (!yName) return;
  pen.save();
  pen.translate(8, (plot.top + plot.bottom) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(yName, 0, 0, plot.bottom - plot.top);
  pen.restore();
}
/** Lines and numbers of both axes around a plot {left, right, top, bottom}. */
function drawMarks(pen, colours, plot, [x, xUnit], [y, yUnit]) {
  pen.lineWidth = 1;
  pen.fillStyle = colours.soft;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  const across = y.marks(Math.max(2, (plot.bottom - plot.top) / 48));
  for (const value of across) {
    const at = Math.round(y.at(value)) + 0.5;
    line(pen, value === 0 ? colours.soft : colours.grid, plot.left, at, plot.right, at);
    pen.fillText(short(value, across) + yUnit, plot.left - 6, at);
  }
  pen.textAlign = "center";
  const along = x.marks(Math.max(2, (plot.right - plot.left) / 64));
  for (const value of along) {
    const at = Math.round(x.at(value)) + 0.5;
    line(pen, value === 0 ? colours.soft : colours.grid, at, plot.top, at, plot.bottom);
    pen.fillText(short(value, along) + xUnit, Math.min(at, plot.right - 14), plot.bottom + 12);
  }
}
/** 1500 is 1,500 and 2000000 is 2M: a mark must not be wider than its room. */
function short(value, marks) {
  const size = Math.abs(value);
  for (const [limit, whole, letter] of [[1e12, 1e12, "T"], [1e9, 1e9, "G"], [1e6, 1e6, "M"], [1e4, 1e3, "k"]]) {
    if (size >= limit) return `${Number((value / whole).toPrecision(3))}${letter}`;
  }
  return marks.length > 1 ? grouped(value, Math.min(6, digitsOf(marks))) : Number(value.toPrecision(4)).toString();
}
/** Left, right, up, down, Home and End move; anything else is left to the browser. */
function onKeys(canvas, moves) {
  canvas.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  });
}
/** Calls with the place under the pointer, and with null when it has left. */
function onPointer(canvas, point, choose) {
  canvas.addEventListener("pointermove", (event) => point([event.offsetX, event.offsetY]));
  canvas.addEventListener("pointerdown", (event) => point([event.offsetX, event.offsetY]));
  // a finger that is lifted leaves too: what it pointed at stays
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && point(null));
  canvas.addEventListener("click", choose);
}
/** A select of [value, text] pairs. */
function fillSelect(select, pairs, value) {
  select.replaceChildren(...pairs.map(([id, text]) => {
    const option = element("option", text);
    option.value = id;
    return option;
  }));
  select.value = value;
}
