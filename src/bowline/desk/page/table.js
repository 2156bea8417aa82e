// A table in pages that is sorted by the button in each head.
"use strict";

/**
 * `cells` are {title, kind, key(row), fill(cell, row)}: `kind` is the class of the column. Back, next and the number of
 * the page are the elements `${id}-back`, `${id}-next` and `${id}-page`, the table is `${id}-table`.
 */
function makeTable(id, cells, { size = 25, rising = false } = {}) {
  const state = { sort: 0, rising, page: 0, rows: [] };
  const part = (name) => document.getElementById(`${id}-${name}`);

  function arrange(rows) {
    const { key } = cells[state.sort];
    const turn = state.rising ? 1 : -1;
    const missing = (value) => Number.isNaN(value);
    state.rows = [...rows].sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      // what does not exist comes last, whichever way
      return missing(left) - missing(right) || turn * (left - right) || a - b;
    });
    state.page = 0;
    fill();
  }
  function headCell(cell, index) {
    const sorted = index === state.sort;
    const head = element("th", "", cell.kind);
    head.scope = "col";
    head.setAttribute("aria-sort", sorted ? (state.rising ? "ascending" : "descending") : "none");
    if (!cell.key) {
      head.textContent = cell.title;
      head.removeAttribute("aria-sort");
      return head;
    }
    const button = element("button", cell.title + (sorted ? (state.rising ? " ↑" : " ↓") : ""));
    button.type = "button";
    button.addEventListener("click", () => {
      state.rising = sorted ? !state.rising : Boolean(cell.rising);
      state.sort = index;
      arrange(state.rows);
      part("table").querySelectorAll("th")[index].querySelector("button").focus();
    });
    head.append(button);
    return head;
  }
  function bodyCell(cell, row) {
    const made = element("td", "", cell.kind);
    cell.fill(made, row);
    return made;
  }
  function fill() {
    const pages = Math.max(1, Math.ceil(state.rows.length / size));
    const head = document.createElement("thead");
    head.insertRow().append(...cells.map(headCell));
    const body = document.createElement("tbody");
    for (const row of state.rows.slice(state.page * size, (state.page + 1) * size)) {
      body.insertRow().append(...cells.map((cell) => bodyCell(cell, row)));
    }
    part("table").replaceChildren(head, body);
    part("page").textContent = `${state.page + 1} of ${pages}`;
    part("back").disabled = state.page === 0;
    part("next").disabled = state.page >= pages - 1;
  }
  part("back").addEventListener("click", () => { state.page -= 1; fill(); });
  part("next").addEventListener("click", () => { state.page += 1; fill(); });
  return { arrange, fill };
}
/** A button that looks like a link and says more to a screen reader. */
function linkButton(text, label, act) {
  const button = element("button", text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}
