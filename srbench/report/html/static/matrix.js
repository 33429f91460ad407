// Every pair of methods: differences, intervals, wins, tests.

function matrixOf(metric = chosen.metric) {
  return page.comparisons.find(
    (matrix) => matrix.dataset === chosen.dataset && matrix.scale === chosen.scale && matrix.metric === metric,
  );
}

/** The comparison of two methods where the reader looks, if the report made it. */
function comparisonOf(row, column) {
  return matrixOf()?.cells.find((cell) => cell.row === row && cell.column === column);
}

function drawMatrix() {
  const matrix = matrixOf();
  byId("matrix").hidden = !matrix;
  byId("matrix-detail").textContent = "";
  if (!matrix) {
    const { title } = page.metrics[chosen.metric];
    byId("matrix-note").textContent =
      `No two methods were compared by ${title} on ${placeWords()}: there are fewer than two with values, or it is not among the metrics that are tested.`;
    return;
  }
  const order = rankedMethods();
  const rows = order.filter((method) => matrix.rows.includes(method));
  const columns = order.filter((method) => matrix.columns.includes(method));
  byId("matrix-note").textContent =
    `${placeWords()}, ${matrix.images}: row minus column, of the same images; blue where the row is better. ${matrix.verdict}.`;
  byId("matrix").replaceChildren(
    make(
      "table",
      { class: "matrix" },
      matrixHead(columns),
      make(
        "tbody",
        {},
        rows.map((row) => matrixRow(row, columns)),
      ),
    ),
  );
  showDetail(byId("matrix").querySelector("button"));
}

function matrixHead(columns) {
  const heads = columns.map((method) => make("th", { scope: "col" }, make("span", {}, shortLabel(method))));
  return make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "row − column"), heads));
}

function matrixRow(row, columns) {
  const largest = Math.max(
    ...matrixOf()
      .cells.map((cell) => Math.abs(toNumber(cell.difference)))
      .filter(Number.isFinite),
    1e-9,
  );
  const cells = columns.map((column) => {
    const cell = comparisonOf(row, column);
    return cell
      ? make("td", { style: { "--shade": shade(toNumber(cell.difference), largest) } }, pairButton(cell))
      : make("td", {});
  });
  return make(
    "tr",
    {},
    make(
      "th",
      { scope: "row" },
      make("span", { class: "method" }, dotOf(row), make("span", {}, breakable(shortLabel(row)))),
    ),
    cells,
  );
}

function pairButton(cell) {
  const { digits } = page.metrics[chosen.metric];
  const value = signed(toNumber(cell.difference), digits) + (cell.star ? "*" : "");
  const button = make(
    "button",
    {
      type: "button",
      tabindex: -1,
      "data-pair": `${cell.row} ${cell.column}`,
      onmouseenter: () => showDetail(button),
      onfocus: () => showDetail(button),
      onclick: () => button.focus(),
    },
    make("span", { class: cell.star ? "best" : "" }, value),
    cell.low == null ? null : make("span", { class: "ci" }, range(cell.low, cell.high, digits, signed)),
  );
  return button;
}

function showDetail(button) {
  if (!button) return;
  for (const other of byId("matrix").querySelectorAll("button")) {
    other.toggleAttribute("aria-current", other === button);
    other.tabIndex = other === button ? 0 : -1;
  }
  const cell = comparisonOf(...button.dataset.pair.split(" ").map(Number));
  const { digits, unit } = page.metrics[chosen.metric];
  const [wins, ties, losses] = cell.wins;
  const [least, most] = (cell.range ?? []).map((end) => signed(toNumber(end), digits));
  const reach =
    cell.range == null
      ? ""
      : cell.low == null
      ? `, of an image from ${least} to ${most}`
      : `, 95 % interval ${range(cell.low, cell.high, digits, signed)}`;
  const test =
    cell.p === "—" ? "Not tested." : `Wilcoxon p ${cell.p.replace(/^([.\d])/, "= $1")}, by Holm ${cell.holm}.`;
  byId("matrix-detail").replaceChildren(
    make("b", {}, shortLabel(cell.row)),
    " minus ",
    make("b", {}, shortLabel(cell.column)),
    `: ${signed(toNumber(cell.difference), digits)} ${unit}${reach}. Better on ${wins} of ${wins + ties + losses} images, equal on ${ties}, worse on ${losses}. ${test}`,
  );
}

/** Arrow keys go from cell to cell; the matrix is one stop of the tabulator. */
function moveInMatrix(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const here = event.target.closest?.("td");
  if (!step || !here) return;
  event.preventDefault();
  const rows = [...byId("matrix").querySelectorAll("tbody tr")];
  let [row, column] = [rows.indexOf(here.parentElement), here.cellIndex];
  do {
    row += step[0];
    column += step[1];
  } while (rows[row]?.cells[column] && !rows[row].cells[column].querySelector("button"));
  rows[row]?.cells[column]?.querySelector("button")?.focus();
}
