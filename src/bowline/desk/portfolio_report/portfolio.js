// Draws the equity of the whole, what each run brought, and the drawdown, under one pointer. Every figure was written
// by the report: nothing is computed here.
"use strict";

(() => {
  const drawing = JSON.parse(document.getElementById("drawing").textContent);
  const times = column(drawing.close_s, "u4");
  const [equity, benchmark, drawdown] = ["equity", "benchmark", "drawdown"].map((name) => column(drawing[name], "f4"));
  const runs = drawing.runs.map(({ name, won }, i) => ({ name, values: column(won, "f4"), colour: `hsl(${(215 + i * 137.5) % 360} 62% 52%)` }));
  const COUNT = times.length;
  const PAD = { right: 64, bottom: 22, top: 18 };
  let colours = readColours();
  let pointed = COUNT - 1;
  let waiting = false;

  // ---- one chart: lines over time, a scale at the right, the pointer

  const charts = [
    {
      id: "equity", name: "Equity, quote money", lines: () => [["Equity", equity, colours.equity], ["Buy and hold", benchmark, colours.benchmark]],
      level: drawing.initial_cash, text: amount, wanted: 5,
    },
    { id: "runs", name: "Profit, quote money", lines: () => runs.map((run) => [run.name, run.values, run.colour]), level: 0, text: amount, wanted: 5 },
    { id: "drawdown", name: "Drawdown, %", lines: () => [["Drawdown", drawdown, colours.loss]], level: 0, text: (value) => `${grouped(value, 2)} %`, wanted: 3, down: true },
  ].map((chart) => ({ ...chart, canvas: document.getElementById(chart.id), readout: document.getElementById(`${chart.id}-readout`) }));

  function rangeOf(chart) {
    let [low, high] = [chart.level, chart.level];
    for (const [, values] of chart.lines()) {
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    const room = (high - low || Math.abs(high) || 1) * 0.04;
    return chart.down ? [high + room, 0] : [low - room, high + room];
  }
  const spanned = Math.max(1, times[COUNT - 1] - drawing.start_s);
  const across = (seconds, width) => ((seconds - drawing.start_s) / spanned) * (width - PAD.right);

  function draw(chart) {
    const { pen, width, height } = sharpen(chart.canvas);
    const [low, high] = rangeOf(chart);
    const up = (value) => PAD.top + ((high - value) / (high - low)) * (height - PAD.top - PAD.bottom);
    const marks = steps(Math.min(low, high), Math.max(low, high), chart.wanted);
    const digits = digitsOf(marks);
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    for (const mark of marks) {
      line(pen, colours.grid, 0, up(mark), width - PAD.right, up(mark));
      pen.fillStyle = colours.soft;
      pen.fillText(grouped(mark, digits), width - PAD.right + 6, up(mark));
    }
    drawDays(pen, width, height);
    nameAxes(pen, colours.soft, width, height - PAD.bottom, chart.name);
    line(pen, colours.line, 0, up(chart.level), width - PAD.right, up(chart.level));
    pen.lineWidth = 1.6;
    for (const [, values, colour] of chart.lines().reverse()) {
      pen.strokeStyle = colour;
      pen.beginPath();
      pen.moveTo(0, up(chart.level));
      for (let i = 0; i < COUNT; i++) pen.lineTo(across(times[i], width), up(values[i]));
      pen.stroke();
    }
    pen.lineWidth = 1;
    const x = across(times[pointed], width);
    line(pen, colours.soft, x, PAD.top, x, height - PAD.bottom);
    const when = ["", moment(times[pointed])];
    say(chart.readout, [when, ...chart.lines().map(([name, values, colour]) => [name, chart.text(values[pointed]), colour])]);
  }
  function drawDays(pen, width, height) {
    const wanted = Math.max(2, Math.floor((width - PAD.right) / 110));
    const size = Math.max(1, Math.ceil(spanned / DAY / wanted)) * DAY;
    pen.textBaseline = "alphabetic";
    for (let at = Math.ceil(drawing.start_s / size) * size; at <= times[COUNT - 1]; at += size) {
      const x = across(at, width);
      line(pen, colours.grid, x, PAD.top, x, height - PAD.bottom);
      pen.fillStyle = colours.soft;
      if (x < width - PAD.right - 60) pen.fillText(moment(at).slice(0, 10), x + 3, height - 7);
    }
    pen.textBaseline = "middle";
  }

  // ---- the pointer is one for all charts

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; charts.forEach(draw); });
  }
  function point(index) {
    pointed = Math.max(0, Math.min(COUNT - 1, index));
    redraw();
  }
  function nearest(seconds) {
    let [low, high] = [0, COUNT - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] >= seconds) high = middle; else low = middle + 1;
    }
    return low;
  }
  for (const { canvas } of charts) {
    const follow = (event) => point(nearest(drawing.start_s + (event.offsetX / (canvas.clientWidth - PAD.right)) * spanned));
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", follow);
    canvas.addEventListener("pointerleave", () => point(COUNT - 1));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      point(pointed + step * Math.max(1, Math.round(COUNT / 100)));
    });
  }
  document.getElementById("charts").hidden = false;
  onNewLook(() => { colours = readColours(); redraw(); }, redraw);
  charts.forEach(draw);
  document.documentElement.dataset.drawn = "yes";
})();
