"use strict";
// Sorts tables by their columns and filters their rows; pages are whole without it.
const number = (cell) => Number.parseFloat(cell.dataset.value ?? cell.textContent);
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const place = head.cellIndex;
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [a.cells[place], b.cells[place]];
        const [m, n] = [number(x), number(y)];
        const order = Number.isNaN(m) || Number.isNaN(n) ? x.textContent.localeCompare(y.textContent) : m - n;
        return rising ? order : -order;
      });
      body.append(...rows);
    });
  }
}
const filter = document.getElementById("filter");
const count = document.getElementById("count");
filter?.closest("label").removeAttribute("hidden");
filter?.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase();
  let shown = 0;
  for (const row of document.querySelectorAll("table.sortable tbody tr")) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    shown += !row.hidden;
  }
  count.textContent = wanted ? `${shown} rows` : "";
});
