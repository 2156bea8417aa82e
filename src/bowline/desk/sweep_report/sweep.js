// Unpacks the columns of a sweep and starts its table and charts. All figures come from the sweep; only the medians of
// heatmaps and the counts of the histogram are computed here. One variant is selected in all of them.
"use strict";

(async () => {
  const drawing = JSON.parse(document.getElementById("drawing").textContent);
  const columns = await unpack(drawing.packed);
  const sweep = {
    variant: columns.variant,
    count: columns.variant.length,
    top: columns.top,
    thresholds: drawing.thresholds,
    figures: drawing.figures.map((figure) => ({ ...figure, values: columns[figure.id] })),
    axes: drawing.axes.map((axis, number) => ({ ...axis, number, codes: columns[`axis${number}`] })),
    chosen: -1,
    /** `sma_cross fast 10, slow 50 · rsi period 14`: a common beginning of names is written once. */
    parameters(row) {
      let [words, last] = ["", null];
      for (const { name, values, codes } of sweep.axes) {
        if (!codes[row]) continue;
        const first = name.slice(0, name.lastIndexOf(" ") + 1);
        const again = first && first === last;
        words += `${words && (again ? ", " : " · ")}${again ? name.slice(first.length) : name} ${values[codes[row] - 1]}`;
        last = first;
      }
      return words;
    },
  };
  sweep.figure = Object.fromEntries(sweep.figures.map((figure) => [figure.id, figure]));
  let palette = readColours();
  const colours = () => palette;
  const rankOf = new Map([...sweep.top].map((row, rank) => [row, rank]));

  // ---- the table of the best

  /** The equity curve as a sparkline, with the line of its start. */
  function sparkline(cell, rank) {
    const curve = columns.curves.subarray(rank * drawing.curve_points, (rank + 1) * drawing.curve_points);
    const [wide, high] = [104, 28];
    const y = (value) => (high - 2 - (value / 65535) * (high - 4)).toFixed(1);
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    picture.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    picture.setAttribute("class", curve.at(-1) >= curve[0] ? "spark gain" : "spark loss");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", "equity over time");
    const path = (name, shape) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", "path");
      made.setAttribute("d", shape);
      made.setAttribute("class", name);
      picture.append(made);
    };
    path("began", `M0 ${y(curve[0])}H${wide}`);
    path("curve", `M${Array.from(curve, (value, i) => `${((i * wide) / (curve.length - 1)).toFixed(1)} ${y(value)}`).join("L")}`);
    cell.append(picture);
  }
  function figureCell(id, title, kind) {
    const figure = sweep.figure[id];
    if (!figure) return [];
    const fill = (cell, rank) => {
      const value = figure.values[sweep.top[rank]];
      cell.textContent = figureText(figure, value);
      if (figure.better > 0 && value) cell.classList.add(value > 0 ? "gain" : "loss");
    };
    return [{ title, kind, key: (rank) => figure.values[sweep.top[rank]], rising: figure.better < 0, fill }];
  }
  /** The kind of a column: a narrow screen has room for the return and for one more, the figure that ranks. */
  const phone = (...ids) => (ids.includes(drawing.ranked_by) ? "" : "wide");
  const alike = (rank) => (columns.alike && columns.alike[rank] > 1 ? ` · ${grouped(columns.alike[rank], 0)} equal variants` : "");
  const CELLS = [
    {
      title: "#", kind: "number", key: (rank) => rank, rising: true,
      fill: (cell, rank) => cell.append(linkButton(String(rank + 1), `Select row ${rank + 1}`, () => choose(sweep.top[rank]))),
    },
    { title: "Equity", kind: "left", fill: sparkline },
    ...figureCell("total_return_pct", "Return", ""),
    ...figureCell("max_drawdown_pct", "Drawdown", phone("max_drawdown_pct", "total_return_pct")),
    ...figureCell("sharpe", "Sharpe", phone("sharpe")),
    ...figureCell("round_trips", "Trips", phone("round_trips")),
    ...figureCell("first_days", "First days", "wide"),
    ...figureCell("last_days", "Last days", "wide"),
    ...figureCell("ranked", sweep.figure.ranked ? sweep.figure.ranked.title : "", ""),
    { title: "Parameters", kind: "left parameters", fill: (cell, rank) => { cell.textContent = sweep.parameters(sweep.top[rank]) + alike(rank); } },
    { title: "Variant", kind: "wide", key: (rank) => sweep.variant[sweep.top[rank]], rising: true, fill: (cell, rank) => { cell.textContent = grouped(sweep.variant[sweep.top[rank]], 0); } },
  ];

  // ---- the filter: text, and comparisons such as fast=10 or trips>50

  const SHORT = { return: "total_return_pct", drawdown: "max_drawdown_pct", sharpe: "sharpe", trips: "round_trips", first: "first_days", last: "last_days" };
  const COMPARE = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b };
  /** What a variant has under a name: a figure, or the value of a parameter whose name ends so. */
  function readerOf(name) {
    const figure = sweep.figure[SHORT[name]];
    if (figure) return (row) => figure.values[row];
    const axes = sweep.axes.filter((axis) => axis.name.toLowerCase() === name || axis.name.toLowerCase().split(/[ ._]/).at(-1) === name);
    if (!axes.length) return null;
    return (row) => axes.filter(({ codes }) => codes[row]).map(({ values, codes }) => values[codes[row] - 1])[0];
  }
  function testOf(word) {
    const parts = word.match(/^([^<>=]+)([<>]=?|=)(.+)$/);
    if (!parts) return (row) => sweep.parameters(row).toLowerCase().includes(word);
    const [, name, sign, text] = parts;
    const read = readerOf(name);
    if (!read) return null;
    const number = parseFloat(text);
    return (row) => {
      const value = read(row);
      if (value === undefined) return false;
      if (sign === "=" && String(value).toLowerCase() === text) return true;
      return COMPARE[sign](parseFloat(value), number);
    };
  }
  function filterTop() {
    const words = document.getElementById("top-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const tests = words.map(testOf);
    const unknown = words.filter((_, i) => !tests[i]);
    const ranks = [...sweep.top.keys()].filter((rank) => tests.every((test) => !test || test(sweep.top[rank])));
    table.arrange(ranks);
    const said = unknown.length ? ` Unknown figure or parameter: ${unknown.join(", ")}` : "";
    document.getElementById("top-count").textContent = `${grouped(ranks.length, 0)} of ${grouped(sweep.top.length, 0)} rows.${said}`;
  }

  // ---- the chosen variant

  function choose(row) {
    sweep.chosen = row;
    const rank = rankOf.get(row);
    const pairs = [
      ...sweep.figures.map((figure) => [figure.title, figureText(figure, figure.values[row])]),
      ...sweep.axes.filter(({ codes }) => codes[row]).map(({ name, values, codes }) => [name, values[codes[row] - 1]]),
    ];
    if (rank !== undefined && columns.alike) pairs.push(["Equal variants", grouped(columns.alike[rank], 0)]);
    if (rank !== undefined && drawing.save) pairs.push(["Save as a strategy", `${drawing.save} ${rank + 1}`]);
    document.getElementById("chosen-title").textContent = `Variant ${grouped(sweep.variant[row], 0)}${rank === undefined ? "" : `, row ${rank + 1}`}`;
    document.getElementById("chosen-figures").replaceChildren(...pairs.map(([name, text]) => {
      const pair = document.createElement("div");
      pair.append(element("dt", name), element("dd", text));
      return pair;
    }));
    document.getElementById("chosen").hidden = false;
    for (const chart of charts) chart.draw();
  }

  // ---- start

  const charts = [];
  const table = makeTable("top", CELLS, { size: 15, rising: true });
  document.getElementById("top").hidden = sweep.top.length === 0;
  document.getElementById("top-filter").addEventListener("input", filterTop);
  filterTop();
  if (sweep.top.length) choose(sweep.top[0]);
  const { total_return_pct: gained, max_drawdown_pct: fell, first_days: before, last_days: after } = sweep.figure;
  charts.push(
    startHeatmap(sweep, colours, choose),
    startScatter("risk", sweep, colours, choose, { x: fell, y: gained }),
    startDistribution(sweep, colours),
  );
  if (before) charts.push(startScatter("split", sweep, colours, choose, { x: before, y: after, diagonal: true }));
  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; for (const chart of charts) chart.draw(); });
  }
  onNewLook(() => {
    palette = readColours();
    for (const chart of charts) (chart.renew || chart.draw)();
  }, redraw);
  document.documentElement.dataset.drawn = "yes";
})();
