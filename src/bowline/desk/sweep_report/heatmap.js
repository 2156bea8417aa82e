// A heatmap of two parameters: a cell is the best or the median value over all other parameters.
//
// 1. Variants that have both parameters are counted into cells, and each cell's values sorted.
// 2. The best (by the figure's own meaning) or the median becomes the cell's value.
// 3. The colours span all but the outermost fiftieth of cells on each side: one outlier must not fade the rest.
"use strict";

function startHeatmap(sweep, colours, choose) {
  const canvas = document.getElementById("heatmap");
  const readout = document.getElementById("heatmap-readout");
  const select = Object.fromEntries(["x", "y", "figure", "by"].map((name) => [name, document.getElementById(`heatmap-${name}`)]));
  const usable = sweep.axes.filter((axis) => axis.values.length > 1);
  if (usable.length === 0) return { draw() {} };
  document.getElementById("heatmap-panel").hidden = false;

  let cells; // {x, y, figure, value, count, best: row}
  let plot;
  let pointed = null; // [column, row] of a cell

  function start() {
    // the parameters the winner has, those with most values first
    const first = sweep.top.length ? sweep.top[0] : 0;
    const [x, y = x] = [...usable].sort((a, b) => (b.codes[first] > 0) - (a.codes[first] > 0) || b.values.length - a.values.length);
    const pairs = usable.map((axis) => [String(axis.number), axis.name]);
    fillSelect(select.x, pairs, String(x.number));
    fillSelect(select.y, pairs, String(y.number));
    fillSelect(select.figure, sweep.figures.map((figure) => [figure.id, figure.title]), "total_return_pct");
    for (const each of Object.values(select)) each.addEventListener("change", count);
    count();
  }
  function count() {
    const [x, y] = [sweep.axes[select.x.value], sweep.axes[select.y.value]];
    const figure = sweep.figure[select.figure.value];
    const width = x.values.length;
    const height = x === y ? 1 : y.values.length;
    const cellOf = (row) => {
      if (!x.codes[row] || !y.codes[row] || !Number.isFinite(figure.values[row])) return -1;
      return (x === y ? 0 : y.codes[row] - 1) * width + x.codes[row] - 1;
    };
    const begins = new Uint32Array(width * height + 1);
    for (let row = 0; row < sweep.count; row++) {
      const cell = cellOf(row);
      if (cell >= 0) begins[cell + 1]++;
    }
    for (let cell = 0; cell < width * height; cell++) begins[cell + 1] += begins[cell];
    const rows = new Uint32Array(begins[width * height]);
    const next = begins.slice();
    for (let row = 0; row < sweep.count; row++) {
      const cell = cellOf(row);
      if (cell >= 0) rows[next[cell]++] = row;
    }
    cells = { x, y, figure, width, height, begins, value: new Float64Array(width * height).fill(NaN), best: new Int32Array(width * height).fill(-1) };
    for (let cell = 0; cell < width * height; cell++) judge(rows.subarray(begins[cell], begins[cell + 1]), cell);
    cells.colour = colouring();
    canvas.style.height = `${Math.max(90, Math.min(460, height * 34, canvas.clientWidth * 1.1)) + 44}px`;
    pointed = null;
    draw();
  }
  function judge(rows, cell) {
    if (!rows.length) return;
    const { values, better } = cells.figure;
    const turn = better < 0 ? -1 : 1;
    const sorted = rows.sort((a, b) => turn * (values[b] - values[a]) || a - b);
    const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
    cells.best[cell] = sorted[0];
    cells.value[cell] = select.by.value === "best" ? values[sorted[0]] : (values[low] + values[high]) / 2;
  }
  /** Blue above zero and orange below; where all lie on one side, that colour from pale to full. */
  function colouring() {
    const [low, high] = quantiles(cells.value, [0.02, 0.98]);
    const limit = Math.max(Math.abs(low), Math.abs(high)) || 1;
    const mixed = low < 0 && high > 0;
    const least = mixed ? 0 : Math.min(Math.abs(low), Math.abs(high));
    const strength = (value) => Math.max(0, Math.min(1, (Math.abs(value) - least) / (limit - least || 1)));
    const of = (value) => `rgba(${colours()[value >= 0 ? "above-rgb" : "below-rgb"]}, ${(0.08 + 0.84 * strength(value)).toFixed(3)})`;
    return { of, strength, ends: mixed ? [low, 0, high] : [low, (low + high) / 2, high] };
  }

  function draw() {
    const { pen, width, height } = sharpen(canvas);
    if (!hasRoom(width, height)) return;
    const { x, y } = cells;
    const single = cells.height === 1;
    const widest = single ? 0 : Math.max(...y.values.map((text) => pen.measureText(text).width));
    plot = { left: single ? 12 : Math.min(126, widest + 30), right: width - 2, top: 4, bottom: height - 40 };
    plot.w = (plot.right - plot.left) / cells.width;
    plot.h = (plot.bottom - plot.top) / cells.height;
    for (let cell = 0; cell < cells.value.length; cell++) drawCell(pen, cell);
    labels(pen, x.values, plot.w, 34, (i) => [plot.left + (i + 0.5) * plot.w, plot.bottom + 12], "center");
    if (!single) labels(pen, y.values, plot.h, 14, (i) => [plot.left - 6, plot.bottom - (i + 0.5) * plot.h], "right");
    nameXY(pen, colours().ink, plot, x.name, single ? "" : y.name);
    if (sweep.chosen >= 0) outline(pen, colours().ink, x.codes[sweep.chosen] - 1, single ? 0 : y.codes[sweep.chosen] - 1, 2);
    if (pointed) outline(pen, colours().equity, pointed[0], pointed[1], 2.5);
    tell();
  }
  function corner(column, row) { return [plot.left + column * plot.w, plot.bottom - (row + 1) * plot.h]; }
  function drawCell(pen, cell) {
    const value = cells.value[cell];
    if (!Number.isFinite(value)) return;
    const [left, top] = corner(cell % cells.width, Math.floor(cell / cells.width));
    const gap = Math.min(plot.w, plot.h) > 8 ? 1 : 0;
    pen.fillStyle = cells.colour.of(value);
    // wider by a hair, or the seams of small cells show
    pen.fillRect(left, top, plot.w - gap + (gap ? 0 : 0.6), plot.h - gap + (gap ? 0 : 0.6));
    if (plot.h < 18 || plot.w < 24) return;
    const text = short(value, [0, Math.abs(value) < 10 ? 0.1 : 1]);
    if (pen.measureText(text).width > plot.w - 10) return;
    pen.fillStyle = cells.colour.strength(value) > 0.55 ? colours().panel : colours().ink;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(text, left + plot.w / 2, top + plot.h / 2);
  }
  /** As many of the values as there is room for, always the first and evenly the others. */
  function labels(pen, values, each, room, place, align) {
    const needed = align === "center" ? Math.max(room, 10 + Math.max(...values.map((text) => pen.measureText(text).width))) : room;
    const every = Math.max(1, Math.ceil(needed / each));
    pen.fillStyle = colours().soft;
    pen.textAlign = align;
    pen.textBaseline = "middle";
    for (let i = 0; i < values.length; i += every) pen.fillText(values[i], ...place(i), align === "right" ? 104 : undefined);
  }
  function outline(pen, colour, column, row, width) {
    if (column < 0 || row < 0) return;
    const [left, top] = corner(column, row);
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.strokeRect(left, top, Math.max(4, plot.w - 1), Math.max(4, plot.h - 1));
  }
  function tell() {
    const { x, y, figure } = cells;
    if (!pointed) {
      const swatches = cells.colour.ends.map((value) => ["", figureText(figure, value), cells.colour.of(value)]);
      say(readout, [...swatches, ["", `${grouped(cells.begins.at(-1), 0)} variants in ${grouped(cells.value.filter(Number.isFinite).length, 0)} cells`]]);
      return;
    }
    const cell = pointed[1] * cells.width + pointed[0];
    const many = cells.begins[cell + 1] - cells.begins[cell];
    const where = [[x.name, x.values[pointed[0]]], ...(x === y ? [] : [[y.name, y.values[pointed[1]]]])];
    if (!many) return say(readout, [...where, ["", "no variant"]]);
    const best = cells.best[cell];
    say(readout, [
      ...where,
      [`${select.by.value === "best" ? "best" : "median"} ${figure.title.toLowerCase()}`, figureText(figure, cells.value[cell]), cells.colour.of(cells.value[cell])],
      ["of", `${grouped(many, 0)} variants`],
      ["best is variant", grouped(sweep.variant[best], 0)],
    ]);
  }

  function point(place) {
    pointed = null;
    if (place && place[0] >= plot.left && place[0] < plot.right && place[1] > plot.top && place[1] <= plot.bottom) {
      pointed = [Math.floor((place[0] - plot.left) / plot.w), Math.floor((plot.bottom - place[1]) / plot.h)];
    }
    draw();
  }
  function step(right, up) {
    const [column, row] = pointed || [0, 0];
    pointed = [Math.max(0, Math.min(cells.width - 1, column + right)), Math.max(0, Math.min(cells.height - 1, row + up))];
    draw();
  }
  function pick() {
    const best = pointed ? cells.best[pointed[1] * cells.width + pointed[0]] : -1;
    if (best >= 0) choose(best);
  }
  onPointer(canvas, point, pick);
  onKeys(canvas, {
    ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, 1), ArrowDown: () => step(0, -1), Enter: pick,
  });
  start();
  return { draw, recount: count };
}
