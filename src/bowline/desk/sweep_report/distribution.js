// The distribution of a figure over all variants, and the thresholds of the verdict.
"use strict";

function startDistribution(sweep, colours) {
  const canvas = document.getElementById("distribution");
  const readout = document.getElementById("distribution-readout");
  const select = document.getElementById("distribution-figure");
  const first = sweep.thresholds.length ? sweep.thresholds[0].figure : "total_return_pct";
  fillSelect(select, sweep.figures.map((figure) => [figure.id, figure.title]), first);
  document.getElementById("distribution-panel").hidden = sweep.count === 0;

  const BARS = 80;
  let spread; // {figure, low, high, counts, outside, values, thresholds}
  let plot;
  let pointed = -1; // bar

  /** All but the outermost thousandth on each side, and every threshold, in bars of equal width. */
  function count() {
    const figure = sweep.figure[select.value];
    const values = figure.values.filter(Number.isFinite);
    const thresholds = sweep.thresholds.filter((each) => each.figure === figure.id);
    const ends = quantiles(values, [0.001, 0.999]);
    let low = Math.min(ends[0], ...thresholds.map((each) => each.value));
    let high = Math.max(ends[1], ...thresholds.map((each) => each.value));
    if (!(high > low)) [low, high] = [(low || 0) - 1, (low || 0) + 1];
    const slack = thresholds.length ? (high - low) * 0.03 : 0;
    [low, high] = [low - slack, high + slack];
    const counts = new Uint32Array(BARS);
    let [left, right] = [0, 0];
    for (const value of values) {
      if (value < low) left++;
      else if (value > high) right++;
      else counts[Math.min(BARS - 1, Math.floor(((value - low) / (high - low)) * BARS))]++;
    }
    spread = { figure, values, thresholds, low, high, counts, left, right };
    pointed = -1;
    draw();
  }
  function draw() {
    const { pen, width, height } = sharpen(canvas);
    if (!hasRoom(width, height)) return;
    plot = { left: 68, right: width - 6, top: 18, bottom: height - 34 };
    const { figure, counts, low, high, thresholds } = spread;
    const most = counts.reduce((a, b) => Math.max(a, b), 1);
    const x = { at: (value) => plot.left + ((value - low) / (high - low)) * (plot.right - plot.left), marks: (n) => steps(low, high, n) };
    const up = (many) => plot.bottom - (Math.log10(1 + many) / Math.log10(1 + most)) * (plot.bottom - plot.top);
    const tens = [0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6].filter((many) => many <= most);
    const room = (many) => many < 1 || plot.bottom - up(many) > 14;
    drawMarks(pen, colours(), plot, [x, figure.unit.trim()], [{ at: up, marks: () => tens.filter(room) }, ""]);
    const each = (plot.right - plot.left) / BARS;
    for (let bar = 0; bar < BARS; bar++) {
      const middle = low + ((bar + 0.5) * (high - low)) / BARS;
      pen.fillStyle = `rgba(${colours()[middle >= 0 ? "above-rgb" : "below-rgb"]}, ${bar === pointed ? 1 : 0.7})`;
      if (counts[bar]) pen.fillRect(plot.left + bar * each, up(counts[bar]), Math.max(1, each - 1), plot.bottom - up(counts[bar]));
    }
    pen.textBaseline = "middle";
    for (const threshold of thresholds) mark(pen, x.at(threshold.value), threshold.words);
    nameXY(pen, colours().ink, plot, figure.title, "variants (log scale)");
    tell();
  }
  function mark(pen, at, words) {
    pen.lineWidth = 2;
    line(pen, colours().short, at, plot.top - 4, at, plot.bottom);
    const wide = pen.measureText(words).width;
    pen.textAlign = at + wide + 8 > plot.right ? (at - wide - 8 < plot.left ? "center" : "right") : "left";
    const place = { left: at + 6, right: at - 6, center: (plot.left + plot.right) / 2 }[pen.textAlign];
    pen.fillStyle = colours().ink;
    pen.fillText(words, place, 9, plot.right - plot.left);
  }
  function tell() {
    const { figure, values, low, high, counts, left, right, thresholds } = spread;
    if (pointed >= 0) {
      const edge = (bar) => figureText(figure, low + (bar * (high - low)) / BARS);
      say(readout, [["from", edge(pointed)], ["to", edge(pointed + 1)], ["", `${grouped(counts[pointed], 0)} variants`]]);
      return;
    }
    const above = values.reduce((sum, value) => sum + (value > 0), 0);
    const [middle, highest] = quantiles(values, [0.5, 1]);
    say(readout, [
      ["median", figureText(figure, middle)], ["highest", figureText(figure, highest)],
      ...(figure.better > 0 ? [["above zero", `${grouped((100 * above) / values.length || 0, 1)} %`]] : []),
      ...thresholds.map((each) => [`above ${figureText(figure, each.value)}`, `${grouped(values.reduce((sum, value) => sum + (value > each.value), 0), 0)} variants`, colours().short]),
      ...(left + right ? [["outside the axis", `${grouped(left, 0)} below, ${grouped(right, 0)} above`]] : []),
    ]);
  }
  function step(by) {
    pointed = Math.max(0, Math.min(BARS - 1, pointed + by));
    draw();
  }
  onPointer(canvas, (place) => {
    const bar = place ? Math.floor(((place[0] - plot.left) / (plot.right - plot.left)) * BARS) : -1;
    pointed = bar < BARS ? Math.max(-1, bar) : -1;
    draw();
  }, () => {});
  onKeys(canvas, { ArrowLeft: () => step(-1), ArrowRight: () => step(1) });
  select.addEventListener("change", count);
  count();
  return { draw };
}
