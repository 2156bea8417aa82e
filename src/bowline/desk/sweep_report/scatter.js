// Two figures of every variant against each other, quick with a hundred thousand of them.
//
// 1. Variants fall into squares of two or three pixels; a square's colour is the logarithm of their number. That is one small
//    picture, scaled to the plot: drawing takes the same time whatever the number of variants.
// 2. The top rows are drawn over it as circles.
// 3. For the pointer the variants lie in coarse squares, so that only near ones are looked at.
"use strict";

function startScatter(id, sweep, colours, choose, { x, y, diagonal = false }) {
  const canvas = document.getElementById(id);
  const readout = document.getElementById(`${id}-readout`);
  const log = document.getElementById(`${id}-log`);
  const rows = [];
  for (let row = 0; row < sweep.count; row++) {
    if (Number.isFinite(x.values[row]) && Number.isFinite(y.values[row])) rows.push(row);
  }
  if (!rows.length) return { draw() {} };
  document.getElementById(`${id}-panel`).hidden = false;
  const top = [...sweep.top].filter((row) => Number.isFinite(x.values[row]) && Number.isFinite(y.values[row]));
  const spreads = [x, y].map(({ values }) => quantiles(rows.map((row) => values[row]), [0, 0.25, 0.75, 1]));
  const ranges = spreads.map(([low, , , high]) => [low, high]);
  let bent = spreads.some(wantsBend);
  let pointed = -1; // row
  let layout = null; // plot, scales, picture, squares: kept until size, scale or colours change

  const SQUARE = rows.length > 10_000 ? 2 : 3;
  const NEAR = 24;

  function lay(width, height) {
    const plot = { left: 68, right: width - 6, top: 6, bottom: height - 34 };
    const ends = diagonal ? [Math.min(ranges[0][0], ranges[1][0]), Math.max(ranges[0][1], ranges[1][1])] : null;
    const [xEnds, yEnds] = ends ? [ends, ends] : ranges;
    const across = makeScale(...xEnds, plot.left, plot.right, bent);
    const up = makeScale(...yEnds, plot.bottom, plot.top, bent);
    layout = { width, height, plot, across, up, coarse: new Map(), at: new Float32Array(2 * rows.length) };
    const wide = Math.ceil((plot.right - plot.left) / SQUARE);
    const high = Math.ceil((plot.bottom - plot.top) / SQUARE);
    const counts = new Uint32Array(wide * high);
    rows.forEach((row, i) => {
      const [left, down] = [across.at(x.values[row]), up.at(y.values[row])];
      layout.at[2 * i] = left;
      layout.at[2 * i + 1] = down;
      counts[Math.min(high - 1, Math.floor((down - plot.top) / SQUARE)) * wide + Math.min(wide - 1, Math.floor((left - plot.left) / SQUARE))]++;
      const key = keyOf(left, down);
      if (!layout.coarse.has(key)) layout.coarse.set(key, []);
      layout.coarse.get(key).push(i);
    });
    layout.picture = paint(counts, wide, high);
  }
  function keyOf(left, down) { return Math.floor(left / NEAR) * 4096 + Math.floor(down / NEAR); }
  function paint(counts, wide, high) {
    const picture = document.createElement("canvas");
    picture.width = wide;
    picture.height = high;
    const pen = picture.getContext("2d");
    const image = pen.createImageData(wide, high);
    const most = Math.log2(1 + counts.reduce((a, b) => Math.max(a, b), 1));
    const [red, green, blue] = colours()["above-rgb"].split(",").map(Number);
    for (let i = 0; i < counts.length; i++) {
      if (counts[i]) image.data.set([red, green, blue, 90 + 165 * Math.log2(1 + counts[i]) / most], 4 * i);
    }
    pen.putImageData(image, 0, 0);
    return picture;
  }

  function draw() {
    const { pen, width, height } = sharpen(canvas);
    if (!hasRoom(width, height)) return;
    if (!layout || layout.width !== width || layout.height !== height) lay(width, height);
    const { plot, across, up, picture } = layout;
    drawMarks(pen, colours(), plot, [across, x.unit.trim()], [up, y.unit.trim()]);
    nameXY(pen, colours().ink, plot, x.title, y.title);
    if (diagonal) equals(pen);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, plot.left, plot.top, picture.width * SQUARE, picture.height * SQUARE);
    top.forEach((row, rank) => circle(pen, row, rank ? 2.5 : 5, rank ? "" : colours().short));
    if (sweep.chosen >= 0) circle(pen, sweep.chosen, 7, "", colours().ink);
    if (pointed >= 0) circle(pen, pointed, 6, "", colours().equity);
    tell();
  }
  /** The line on which both are equal. */
  function equals(pen) {
    const { plot, across, up } = layout;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    for (let pixel = plot.left; pixel <= plot.right; pixel += 4) {
      pen.lineTo(pixel, Math.max(plot.top, Math.min(plot.bottom, up.at(across.value(pixel)))));
    }
    pen.strokeStyle = colours().soft;
    pen.stroke();
    pen.setLineDash([]);
  }
  function circle(pen, row, radius, fill, stroke = colours().short) {
    const [left, down] = [layout.across.at(x.values[row]), layout.up.at(y.values[row])];
    if (!Number.isFinite(left) || !Number.isFinite(down)) return;
    pen.beginPath();
    pen.arc(left, down, radius, 0, 7);
    pen.lineWidth = radius > 5 ? 2.5 : 1.25;
    pen.strokeStyle = fill ? colours().panel : stroke;
    if (fill) {
      pen.fillStyle = fill;
      pen.fill();
    }
    pen.stroke();
  }
  function tell() {
    if (pointed < 0) {
      say(readout, [["", `${grouped(rows.length, 0)} variants`, colours().equity], ["", `top ${grouped(top.length, 0)}`, colours().short]]);
      return;
    }
    say(readout, [
      ["variant", grouped(sweep.variant[pointed], 0)],
      [x.title.toLowerCase(), figureText(x, x.values[pointed])],
      [y.title.toLowerCase(), figureText(y, y.values[pointed])],
      ["round trips", grouped(sweep.figure.round_trips.values[pointed], 0)],
      ["", sweep.parameters(pointed)],
    ]);
  }

  /** The nearest variant, if one is near at all. */
  function nearest([left, down]) {
    let found = -1;
    let least = NEAR * NEAR;
    for (const dx of [-NEAR, 0, NEAR]) {
      for (const dy of [-NEAR, 0, NEAR]) {
        for (const i of layout.coarse.get(keyOf(left + dx, down + dy)) || []) {
          const apart = (layout.at[2 * i] - left) ** 2 + (layout.at[2 * i + 1] - down) ** 2;
          if (apart < least) [least, found] = [apart, rows[i]];
        }
      }
    }
    return found;
  }
  function point(place) {
    pointed = place ? nearest(place) : -1;
    draw();
  }
  function step(by) {
    const order = top.length ? top : rows;
    pointed = order[Math.max(0, Math.min(order.length - 1, order.indexOf(pointed) + by))];
    draw();
  }
  const pick = () => pointed >= 0 && choose(pointed);
  function renew() {
    layout = null;
    draw();
  }
  onPointer(canvas, point, pick);
  onKeys(canvas, { ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => step(-Infinity), Enter: pick });
  log.setAttribute("aria-pressed", String(bent));
  log.addEventListener("click", () => {
    bent = !bent;
    log.setAttribute("aria-pressed", String(bent));
    renew();
  });
  renew();
  return { draw, renew };
}
