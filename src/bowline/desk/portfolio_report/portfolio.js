// Draws the equity of the portfolio, the profit of each run and the drawdown, with one crosshair. All figures come from
// the report: nothing is computed here.
"use strict";

(() => {
  const drawing = JSON.parse(document.getElementById("drawing").textContent);
  const times = column(drawing.close_s, "u4");
  const [equity, benchmark, drawdown] = ["equity", "benchmark", "drawdown"].map((name) => column(drawing[name], "f4"));
  const runs = drawing.runs.map(({ name, won }, i) => ({ name, values: column(won, "f4"), colour: `hsl(${(215 + i * 137.5) % 360} 62% 52%)` }));
  const COUNT = times.length;
  const PAD = { right: 64, bottom: 22, top: 18 };
  let colours = readColours();
  let pointed = null; // index of the time under the pointer, or null
  let waiting = false;

  // ---- one chart: lines over time, a scale at the right, the crosshair

  const charts = [
    {
      id: "equity", name: "Equity, quote money", lines: () => [["equity", equity, colours.equity, 2], ["buy and hold", benchmark, colours.benchmark, 1.25]],
      level: drawing.initial_cash, text: amount, wanted: 5,
    },
    { id: "runs", name: "Profit, quote money", lines: () => runs.map((run) => [run.name, run.values, run.colour, 1.5]), level: 0, text: amount, wanted: 5 },
    { id: "drawdown", name: "Drawdown, %", lines: () => [["drawdown", drawdown, colours.loss, 1.25]], level: 0, text: (value) => `${grouped(value, 2)} %`, wanted: 2, down: true, unit: " %" },
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
      const y = Math.round(up(mark)) + 0.5;
      line(pen, colours.grid, 0, y, width - PAD.right, y);
      pen.fillStyle = colours.soft;
      pen.fillText(grouped(mark, digits) + (chart.unit || ""), width - PAD.right + 6, y);
    }
    drawTimes(pen, width, height);
    nameAxes(pen, colours.soft, width, height - PAD.bottom, chart.name);
    if (!chart.down) levelLine(pen, colours.soft, width - PAD.right, up(chart.level));
    pen.lineJoin = "round";
    for (const [, values, colour, thick] of chart.lines().reverse()) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.moveTo(0, up(chart.level));
      for (let i = 0; i < COUNT; i++) pen.lineTo(across(times[i], width), up(values[i]));
      pen.stroke();
      if (!chart.down) continue;
      pen.lineTo(across(times[COUNT - 1], width), up(0));
      pen.fillStyle = `rgba(${colours["loss-rgb"]}, 0.22)`;
      pen.fill();
    }
    crosshair(pen, width, height);
    const at = pointed === null ? COUNT - 1 : pointed;
    const when = ["", moment(times[at])];
    say(chart.readout, [when, ...chart.lines().map(([name, values, colour]) => [name, chart.text(values[at]), colour])]);
  }
  function crosshair(pen, width, height) {
    if (pointed === null) return;
    pen.lineWidth = 1;
    pen.setLineDash([3, 3]);
    const x = across(times[pointed], width);
    line(pen, colours.soft, x, PAD.top, x, height - PAD.bottom);
    pen.setLineDash([]);
  }
  function drawTimes(pen, width, height) {
    const right = width - PAD.right;
    pen.textAlign = "center";
    for (const [seconds, text] of timeMarks(drawing.start_s, times[COUNT - 1], Math.max(3, Math.floor(right / 80)))) {
      const x = Math.round(across(seconds, width)) + 0.5;
      line(pen, colours.grid, x, PAD.top, x, height - PAD.bottom);
      pen.fillStyle = colours.soft;
      if (x > 24 && x < right - 24) pen.fillText(text, x, height - PAD.bottom + 12);
    }
    pen.textAlign = "left";
  }

  // ---- one pointer for all charts

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
    canvas.addEventListener("pointerleave", () => { pointed = null; redraw(); });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      point((pointed === null ? COUNT - 1 : pointed) + step * Math.max(1, Math.round(COUNT / 100)));
    });
  }
  document.getElementById("charts").hidden = false;
  onNewLook(() => { colours = readColours(); redraw(); }, redraw);
  charts.forEach(draw);
  document.documentElement.dataset.drawn = "yes";
})();
