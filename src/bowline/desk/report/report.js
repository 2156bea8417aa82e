// Reads the columns of the page, starts the charts and the table of round trips. All figures come from the report:
// nothing is computed here.
"use strict";

(() => {
  const drawing = JSON.parse(document.getElementById("drawing").textContent);
  const TRIP_KINDS = { opened_s: "u4", closed_s: "u4", direction: "i1", reason: "u1", entry_price: "f8", exit_price: "f8", pnl: "f8" };

  function columns(texts, kindOf) {
    return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, column(text, kindOf(name))]));
  }
  const candles = columns(drawing.candles, (name) => (name.endsWith("_s") ? "u4" : "f4"));
  const trips = columns(drawing.round_trips, (name) => TRIP_KINDS[name] || "f4");
  const charts = startCharts(drawing, candles, trips);

  // ---- the table of round trips

  const number = (i) => String(drawing.first_round_trip + i);
  function cell(title, kind, key, text) {
    return { title, kind, key, fill: (made, i) => { made.textContent = text(i); } };
  }
  function outcome(title, values, text) {
    const fill = (made, i) => {
      made.textContent = text(values[i]);
      made.className = trips.pnl[i] > 0 ? "gain" : "loss";
    };
    return { title, kind: "", key: (i) => values[i], fill };
  }
  const CELLS = [
    { title: "#", kind: "number", key: (i) => i, fill: (made, i) => made.append(linkButton(number(i), `Show round trip ${number(i)} in the chart`, () => point(i))) },
    cell("Side", "left", (i) => trips.direction[i], (i) => (trips.direction[i] > 0 ? "long" : "short")),
    cell("Entry time", "left", (i) => trips.opened_s[i], (i) => moment(trips.opened_s[i])),
    cell("Exit time", "left wide", (i) => trips.closed_s[i], (i) => moment(trips.closed_s[i])),
    cell("Duration", "wide", (i) => trips.closed_s[i] - trips.opened_s[i], (i) => span(trips.closed_s[i] - trips.opened_s[i])),
    cell("Quantity", "wide", (i) => trips.quantity[i], (i) => amount(trips.quantity[i])),
    cell("Entry price", "wide", (i) => trips.entry_price[i], (i) => price(trips.entry_price[i])),
    cell("Exit price", "wide", (i) => trips.exit_price[i], (i) => price(trips.exit_price[i])),
    cell("Fees", "wide", (i) => trips.fees[i], (i) => amount(trips.fees[i])),
    outcome("Profit", trips.pnl, amount),
    outcome("Return", trips.return_pct, (value) => percent(value)),
    cell("Exit reason", "left wide", (i) => trips.reason[i], (i) => drawing.reasons[trips.reason[i]]),
  ];
  const FILTERS = {
    all: () => true, long: (i) => trips.direction[i] > 0, short: (i) => trips.direction[i] < 0,
    won: (i) => trips.pnl[i] > 0, lost: (i) => trips.pnl[i] < 0,
  };

  function point(i) {
    charts.choose(i);
    const canvas = document.getElementById("market");
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    canvas.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    canvas.focus({ preventScroll: true });
  }

  const table = makeTable("trips", CELLS);
  const filter = document.getElementById("trips-filter");
  const arrange = () => table.arrange([...trips.pnl.keys()].filter(FILTERS[filter.value]));
  filter.addEventListener("change", arrange);
  document.getElementById("trips").hidden = trips.pnl.length === 0;
  arrange();
  document.documentElement.dataset.drawn = "yes";
})();
