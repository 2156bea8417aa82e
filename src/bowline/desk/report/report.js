// Reads the columns that travel in the page, starts the charts and sorts the round trips. Every figure
// was written by the report: nothing is computed here, and no network is asked for anything.
"use strict";

// ---- words

const DAY = 86400;
function grouped(value, digits) {
  const text = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return text.replace(/^-(0(\.0*)?)$/, "$1"); // nothing has no sign
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

(() => {
  const drawing = JSON.parse(document.getElementById("drawing").textContent);
  const KINDS = { u4: Uint32Array, i1: Int8Array, u1: Uint8Array, f4: Float32Array, f8: Float64Array };
  const TRIP_KINDS = { opened_s: "u4", closed_s: "u4", direction: "i1", reason: "u1", entry_price: "f8", exit_price: "f8", pnl: "f8" };

  function column(text, kind) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new KINDS[kind](bytes.buffer);
  }
  function columns(texts, kindOf) {
    return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, column(text, kindOf(name))]));
  }
  const candles = columns(drawing.candles, (name) => (name.endsWith("_s") ? "u4" : "f4"));
  const trips = columns(drawing.round_trips, (name) => TRIP_KINDS[name] || "f4");
  const charts = startCharts(drawing, candles, trips);

  // ---- the table of round trips

  const PAGE = 25;
  const CELLS = [
    ["#", "number", (i) => i, (i) => String(drawing.first_round_trip + i)],
    ["Side", "left", (i) => trips.direction[i], (i) => (trips.direction[i] > 0 ? "long" : "short")],
    ["Entered", "left", (i) => trips.opened_s[i], (i) => moment(trips.opened_s[i])],
    ["Left", "left wide", (i) => trips.closed_s[i], (i) => moment(trips.closed_s[i])],
    ["Held", "wide", (i) => trips.closed_s[i] - trips.opened_s[i], (i) => span(trips.closed_s[i] - trips.opened_s[i])],
    ["Quantity", "wide", (i) => trips.quantity[i], (i) => amount(trips.quantity[i])],
    ["Entry", "wide", (i) => trips.entry_price[i], (i) => price(trips.entry_price[i])],
    ["Exit", "wide", (i) => trips.exit_price[i], (i) => price(trips.exit_price[i])],
    ["Fees", "wide", (i) => trips.fees[i], (i) => amount(trips.fees[i])],
    ["Profit", "sign", (i) => trips.pnl[i], (i) => amount(trips.pnl[i])],
    ["Return", "sign", (i) => trips.return_pct[i], (i) => percent(trips.return_pct[i])],
    ["Why", "left wide", (i) => trips.reason[i], (i) => drawing.reasons[trips.reason[i]]],
  ];
  const FILTERS = {
    all: () => true, long: (i) => trips.direction[i] > 0, short: (i) => trips.direction[i] < 0,
    won: (i) => trips.pnl[i] > 0, lost: (i) => trips.pnl[i] < 0,
  };
  const table = { sort: 0, rising: false, page: 0, rows: [] };

  function element(name, text, className) {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }
  function arrange() {
    const keep = FILTERS[document.getElementById("trips-filter").value];
    const key = CELLS[table.sort][2];
    const sign = table.rising ? 1 : -1;
    table.rows = [...trips.pnl.keys()].filter(keep).sort((a, b) => sign * (key(a) - key(b)) || a - b);
    table.page = 0;
    fillTable();
  }
  function headCell(cell, index) {
    const head = element("th", "", cell[1].replace("sign", ""));
    head.scope = "col";
    const sorted = index === table.sort;
    head.setAttribute("aria-sort", sorted ? (table.rising ? "ascending" : "descending") : "none");
    const button = element("button", cell[0] + (sorted ? (table.rising ? " ↑" : " ↓") : ""));
    button.type = "button";
    button.addEventListener("click", () => {
      table.rising = sorted ? !table.rising : false;
      table.sort = index;
      arrange();
      document.querySelectorAll("#trips-table th button")[index].focus();
    });
    head.append(button);
    return head;
  }
  function bodyCell(cell, i) {
    const kind = cell[1] === "sign" ? (trips.pnl[i] > 0 ? "gain" : "loss") : cell[1];
    if (cell[1] !== "number") return element("td", cell[3](i), kind);
    const made = element("td", "");
    const button = element("button", cell[3](i));
    button.type = "button";
    button.setAttribute("aria-label", `Show round trip ${cell[3](i)} in the chart`);
    button.addEventListener("click", () => point(i));
    made.append(button);
    return made;
  }
  function point(i) {
    charts.choose(i);
    const canvas = document.getElementById("market");
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    canvas.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    canvas.focus({ preventScroll: true });
  }
  function fillTable() {
    const pages = Math.max(1, Math.ceil(table.rows.length / PAGE));
    const head = document.createElement("thead");
    head.insertRow().append(...CELLS.map(headCell));
    const body = document.createElement("tbody");
    for (const i of table.rows.slice(table.page * PAGE, (table.page + 1) * PAGE)) {
      body.insertRow().append(...CELLS.map((cell) => bodyCell(cell, i)));
    }
    document.getElementById("trips-table").replaceChildren(head, body);
    document.getElementById("trips-page").textContent = `${table.page + 1} of ${pages}`;
    document.getElementById("trips-back").disabled = table.page === 0;
    document.getElementById("trips-next").disabled = table.page >= pages - 1;
  }
  function startTable() {
    document.getElementById("trips-filter").addEventListener("change", arrange);
    document.getElementById("trips-back").addEventListener("click", () => { table.page -= 1; fillTable(); });
    document.getElementById("trips-next").addEventListener("click", () => { table.page += 1; fillTable(); });
    document.getElementById("trips").hidden = trips.pnl.length === 0;
    arrange();
  }

  startTable();
  document.documentElement.dataset.drawn = "yes";
})();
