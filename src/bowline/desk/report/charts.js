// The three charts: equity, drawdown, candles with entries and exits.
//
// 1. One view (a span of time) is shared by all; moving, zooming and pointing change it.
// 2. After a change all three are redrawn in the next frame, from the columns in the view.
// 3. Where there is no room for each candle, several are drawn as one.
"use strict";

/** Draws and listens; `choose(i)` brings a round trip into view. */
function startCharts(drawing, candles, trips) {
  const [START, END] = drawing.span_s;
  const COUNT = candles.close_s.length;

  // ---- the view

  const SHORTEST = Math.min(END - START, Math.max(12 * (END - START) / COUNT, 60));
  const view = { from: START, to: END };
  let pointed = null; // time under the pointer, or null
  let chosen = -1; // round trip picked in the table
  let waiting = false;
  let logarithmic = false;

  function show(from, to) {
    const length = Math.min(END - START, Math.max(SHORTEST, to - from));
    const middle = (from + to) / 2;
    view.from = Math.max(START, Math.min(END - length, middle - length / 2));
    view.to = view.from + length;
    redraw();
  }
  function zoom(factor, around = (view.from + view.to) / 2) {
    const length = Math.min(END - START, Math.max(SHORTEST, (view.to - view.from) * factor));
    const share = (around - view.from) / (view.to - view.from);
    const from = around - share * length;
    show(from, from + length);
  }
  function move(seconds) { show(view.from + seconds, view.to + seconds); }
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; drawAll(); });
  }
  /** The first candle that closes at or after a time. */
  function candleAt(seconds) {
    let low = 0;
    let high = COUNT - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (candles.close_s[middle] >= seconds) high = middle; else low = middle + 1;
    }
    return low;
  }

  // ---- a chart: a canvas, its scales, its grid

  const ROOM = 8; // pixels a round trip must have to be drawn with its entry and exit
  const LANE = 9; // height of a row of ticks where there is less
  const PAD = { right: 64, bottom: 22, top: 18 };
  let colours = readColours();
  function makeChart(id, draw) {
    const canvas = document.getElementById(id);
    const chart = { canvas, readout: document.getElementById(`${id}-readout`), draw };
    listen(chart);
    return chart;
  }
  function prepare(chart, lowest, highest, bend = false) {
    const { pen, width, height } = sharpen(chart.canvas);
    chart.pen = pen;
    // a logarithm needs values above zero: without them the scale stays straight
    const scaled = bend && lowest > 0 ? Math.log : (value) => value;
    const slack = (scaled(highest) - scaled(lowest)) * 0.06 || Math.abs(scaled(highest)) * 0.01 || 1;
    const floor = scaled(lowest) - slack;
    const range = scaled(highest) + slack - floor;
    chart.right = width - PAD.right;
    chart.bottom = height - PAD.bottom;
    chart.x = (seconds) => ((seconds - view.from) / (view.to - view.from)) * chart.right;
    chart.y = (value) => chart.bottom - ((scaled(value) - floor) / range) * (chart.bottom - PAD.top);
    return scaled === Math.log ? [Math.exp(floor), Math.exp(floor + range)] : [floor, floor + range];
  }
  /** `sign` -1 labels a scale that was turned upside down with positive numbers. */
  function grid(chart, name, scale, unit = "", sign = 1) {
    const { pen } = chart;
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    const [low, high] = scale;
    const values = steps(low, high, Math.max(2, chart.bottom / 55));
    const digits = digitsOf(values);
    for (const value of values) {
      const y = Math.round(chart.y(value)) + 0.5;
      line(pen, colours.grid, 0, y, chart.right, y);
      pen.fillStyle = colours.soft;
      pen.fillText(grouped(sign * value, digits) + unit, chart.right + 6, y);
    }
    nameAxes(pen, colours.soft, chart.right + PAD.right, chart.bottom, name);
    pen.textAlign = "center";
    for (const [seconds, text] of timeMarks(view.from, view.to, Math.max(3, Math.floor(chart.right / 80)))) {
      const x = Math.round(chart.x(seconds)) + 0.5;
      line(pen, colours.grid, x, PAD.top, x, chart.bottom);
      pen.fillStyle = colours.soft;
      if (x > 24 && x < chart.right - 24) pen.fillText(text, x, chart.bottom + 12);
    }
  }
  function shown() {
    return [Math.max(0, candleAt(view.from) - 1), Math.min(COUNT - 1, candleAt(view.to) + 1)];
  }
  function reach(names, [first, last]) {
    let lowest = Infinity;
    let highest = -Infinity;
    for (const name of names) {
      for (let i = first; i <= last; i++) {
        lowest = Math.min(lowest, candles[name][i]);
        highest = Math.max(highest, candles[name][i]);
      }
    }
    return [lowest, highest];
  }
  function path(chart, values, [first, last]) {
    chart.pen.beginPath();
    for (let i = first; i <= last; i++) chart.pen.lineTo(chart.x(candles.close_s[i]), chart.y(values[i]));
  }
  function inside(chart, paint) {
    chart.pen.save();
    chart.pen.beginPath();
    chart.pen.rect(0, 0, chart.right, chart.bottom);
    chart.pen.clip();
    paint();
    chart.pen.restore();
  }
  function crosshair(chart, value) {
    if (pointed === null) return;
    const at = candles.close_s[candleAt(pointed)];
    chart.pen.setLineDash([3, 3]);
    line(chart.pen, colours.soft, chart.x(at), PAD.top, chart.x(at), chart.bottom);
    chart.pen.setLineDash([]);
    chart.pen.fillStyle = colours.ink;
    chart.pen.beginPath();
    chart.pen.arc(chart.x(at), chart.y(value), 3, 0, 7);
    chart.pen.fill();
  }
  // ---- the three charts

  function drawEquity(chart) {
    const visible = shown();
    grid(chart, "Equity, quote money", prepare(chart, ...reach(["equity", "benchmark"], visible), logarithmic));
    const { pen } = chart;
    pen.lineJoin = "round";
    const at = candleAt(pointed === null ? view.to : pointed);
    inside(chart, () => {
      levelLine(pen, colours.soft, chart.right, chart.y(drawing.initial_cash));
      for (const [name, width] of [["benchmark", 1.25], ["equity", 2]]) {
        pen.strokeStyle = colours[name];
        pen.lineWidth = width;
        path(chart, candles[name], visible);
        pen.stroke();
      }
      crosshair(chart, candles.equity[at]);
    });
    const grown = (name) => percent((candles[name][at] / drawing.initial_cash - 1) * 100);
    say(chart.readout, [
      ["", moment(candles.close_s[at])],
      ["equity", `${amount(candles.equity[at])} (${grown("equity")})`, colours.equity],
      ["buy and hold", `${amount(candles.benchmark[at])} (${grown("benchmark")})`, colours.benchmark],
    ]);
  }
  function drawDrawdown(chart) {
    const visible = shown();
    const deepest = reach(["drawdown"], visible)[1];
    grid(chart, "Drawdown, %", prepare(chart, -Math.max(deepest, 0.01), 0), " %", -1);
    const at = candleAt(pointed === null ? view.to : pointed);
    inside(chart, () => {
      const { pen } = chart;
      path(chart, candles.drawdown.map((depth) => -depth), visible);
      pen.strokeStyle = colours.loss;
      pen.lineWidth = 1.25;
      pen.stroke();
      pen.lineTo(chart.x(candles.close_s[visible[1]]), chart.y(0));
      pen.lineTo(chart.x(candles.close_s[visible[0]]), chart.y(0));
      pen.fillStyle = `rgba(${colours["loss-rgb"]}, 0.22)`;
      pen.fill();
      crosshair(chart, -candles.drawdown[at]);
    });
    say(chart.readout, [["drawdown", `${grouped(candles.drawdown[at], 2)} %`, colours.loss]]);
  }
  function drawMarket(chart) {
    const visible = shown();
    grid(chart, "Price", prepare(chart, reach(["low"], visible)[0], reach(["high"], visible)[1], logarithmic));
    const at = candleAt(pointed === null ? view.to : pointed);
    inside(chart, () => {
      drawCandles(chart, visible);
      drawTrips(chart);
      crosshair(chart, candles.close[at]);
    });
    const change = (candles.close[at] / candles.open[at] - 1) * 100;
    say(chart.readout, [
      ["open", price(candles.open[at])], ["high", price(candles.high[at])],
      ["low", price(candles.low[at])], ["close", `${price(candles.close[at])} (${percent(change)})`],
      ...(chart.crowded
        ? [["", "long entries (lower row)", colours.long], ["", "short entries (upper row)", colours.short], ["zoom in for prices and exits", ""]]
        : [["", "▲ long entry", colours.long], ["", "▼ short entry", colours.short], ["", "◆ exit with profit", colours.gain], ["", "◇ exit with loss", colours.loss]]),
    ]);
  }
  /** Candles at least three pixels apart: several are drawn as one where needed. */
  function drawCandles(chart, [first, last]) {
    const { pen } = chart;
    const together = Math.max(1, Math.ceil((3 * (last - first + 1)) / chart.right));
    for (let i = first - (first % together); i <= last; i += together) {
      const end = Math.min(i + together, COUNT) - 1;
      const [low] = reach(["low"], [i, end]);
      const [, high] = reach(["high"], [i, end]);
      const left = chart.x(candles.open_s[i]);
      const width = Math.max(1, (chart.x(candles.close_s[end]) - left) * 0.72);
      const middle = left + (chart.x(candles.close_s[end]) - left) / 2;
      const [from, to] = [chart.y(candles.open[i]), chart.y(candles.close[end])];
      pen.lineWidth = 1;
      pen.fillStyle = to <= from ? colours.gain : colours.loss;
      pen.globalAlpha = 0.75;
      line(pen, pen.fillStyle, middle, chart.y(high), middle, chart.y(low));
      pen.fillRect(middle - width / 2, Math.min(from, to), width, Math.max(1, Math.abs(from - to)));
      pen.globalAlpha = 1;
    }
  }
  /** Entries, exits and the line between them; without room, a tick per entry in the row of its direction. */
  function drawTrips(chart) {
    const seen = [];
    for (let i = 0; i < trips.pnl.length; i++) {
      if (trips.closed_s[i] >= view.from && trips.opened_s[i] <= view.to) seen.push(i);
    }
    const room = chart.right / Math.max(1, seen.length);
    const size = Math.max(3, Math.min(6, room / 3));
    chart.crowded = room < ROOM;
    for (const i of seen) {
      const outcome = trips.pnl[i] > 0 ? colours.gain : colours.loss;
      if (chart.crowded) {
        tick(chart, trips.opened_s[i], trips.direction[i] > 0);
        continue;
      }
      if (room > 2 * ROOM || i === chosen) connect(chart, trips.opened_s[i], trips.entry_price[i], trips.closed_s[i], trips.exit_price[i], outcome, i === chosen);
      mark(chart, trips.opened_s[i], trips.entry_price[i], trips.direction[i] > 0 ? "up" : "down", size);
      mark(chart, trips.closed_s[i], trips.exit_price[i], outcome, size);
    }
    const held = drawing.open;
    if (held) {
      connect(chart, held.opened_s, held.entry_price, END, held.mark_price, held.pnl > 0 ? colours.gain : colours.loss, false);
      mark(chart, held.opened_s, held.entry_price, held.direction > 0 ? "up" : "down", size);
    }
  }
  function tick(chart, seconds, long) {
    chart.pen.globalAlpha = 0.7;
    chart.pen.fillStyle = long ? colours.long : colours.short;
    chart.pen.fillRect(chart.x(seconds), chart.bottom - (long ? 1 : 2) * LANE, 1.5, LANE - 2);
    chart.pen.globalAlpha = 1;
  }
  function connect(chart, from, entry, to, exit, colour, strong) {
    chart.pen.lineWidth = strong ? 3 : 1.25;
    chart.pen.setLineDash(strong ? [] : [2, 2]);
    line(chart.pen, colour, chart.x(from), chart.y(entry), chart.x(to), chart.y(exit));
    chart.pen.setLineDash([]);
  }
  /** `up` and `down` are arrows that point at the value; anything else is a diamond of that colour, hollow for a loss. */
  function mark(chart, seconds, value, shape, size) {
    const { pen } = chart;
    const [x, y] = [chart.x(seconds), chart.y(value)];
    const side = { up: 1, down: -1 }[shape];
    const corners = side
      ? [[x, y + 3 * side], [x + size, y + (3 + 1.8 * size) * side], [x - size, y + (3 + 1.8 * size) * side]]
      : [[x, y - size], [x + size, y], [x, y + size], [x - size, y]];
    pen.beginPath();
    for (const [atX, atY] of corners) pen.lineTo(atX, atY);
    pen.closePath();
    const hollow = shape === colours.loss;
    pen.fillStyle = side ? colours[side > 0 ? "long" : "short"] : hollow ? colours.panel : shape;
    pen.fill();
    if (size < 4 && !hollow) return;
    pen.strokeStyle = hollow ? shape : colours.panel;
    pen.lineWidth = hollow ? 1.5 : 1;
    pen.stroke();
  }

  // ---- pointer, wheel, keyboard

  function listen(chart) {
    const { canvas } = chart;
    const down = new Map(); // pointer -> x
    const timeAt = (x) => view.from + (x / chart.right) * (view.to - view.from);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      down.set(event.pointerId, event.offsetX);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => down.delete(event.pointerId));
    }
    canvas.addEventListener("pointerleave", () => { pointed = null; redraw(); });
    canvas.addEventListener("pointermove", (event) => {
      pointed = timeAt(Math.min(event.offsetX, chart.right));
      const before = down.get(event.pointerId);
      down.has(event.pointerId) && down.set(event.pointerId, event.offsetX);
      if (before !== undefined && down.size === 1) move(timeAt(before) - timeAt(event.offsetX));
      if (before !== undefined && down.size === 2) {
        const other = [...down].find(([id]) => id !== event.pointerId)[1];
        const apart = Math.abs(event.offsetX - other);
        if (apart > 8) zoom(Math.abs(before - other) / apart, timeAt((event.offsetX + other) / 2));
      }
      redraw();
    });
    canvas.addEventListener("wheel", (event) => {
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (!sideways && !event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
      event.preventDefault();
      if (sideways) move(((event.deltaX || event.deltaY) / chart.right) * (view.to - view.from));
      else zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 250), timeAt(event.offsetX));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const part = (view.to - view.from) / 8;
      const does = {
        ArrowLeft: () => move(-part), ArrowRight: () => move(part), "+": () => zoom(0.7), "=": () => zoom(0.7),
        "-": () => zoom(1.4), 0: () => show(START, END), Home: () => show(START, START + 8 * part),
        End: () => show(END - 8 * part, END),
      }[event.key];
      if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      does();
    });
  }
  function rangeButtons() {
    const spans = [["All", Infinity], ["1 y", 365 * DAY], ["3 mo", 91 * DAY], ["1 mo", 30 * DAY], ["1 w", 7 * DAY], ["1 d", DAY]];
    const group = document.getElementById("ranges");
    const add = (text, label, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", act);
      group.append(button);
      return button;
    };
    for (const [text, length] of spans) {
      if (length !== Infinity && (length >= END - START || length < SHORTEST)) continue;
      add(text, `Show ${text}`, () => (length === Infinity ? show(START, END) : show(view.to - length, view.to)));
    }
    add("−", "Zoom out", () => zoom(1.6));
    add("+", "Zoom in", () => zoom(0.6));
    const log = add("Log", "Logarithmic scale", () => {
      logarithmic = !logarithmic;
      log.setAttribute("aria-pressed", String(logarithmic));
      redraw();
    });
    log.setAttribute("aria-pressed", "false");
  }

  // ---- start

  document.getElementById("charts").hidden = false;
  const charts = [makeChart("equity", drawEquity), makeChart("drawdown", drawDrawdown), makeChart("market", drawMarket)];
  function drawAll() { for (const chart of charts) chart.draw(chart); }
  rangeButtons();
  onNewLook(() => { colours = readColours(); redraw(); }, redraw);
  drawAll();

  return {
    choose(i) {
      chosen = i;
      const length = Math.max(trips.closed_s[i] - trips.opened_s[i], SHORTEST / 4);
      show(trips.opened_s[i] - 1.5 * length, trips.closed_s[i] + 1.5 * length);
    },
  };
}
