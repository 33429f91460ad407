// The table of results: methods by metrics and scales of one data set.

let resultsTable = null;

/** The metrics that papers print, and the chosen one. */
function tableMetrics() {
  return page.metrics
    .map((_, metric) => metric)
    .filter((metric) => page.datasets[chosen.dataset].main.includes(metric) || metric === chosen.metric);
}

function drawResults() {
  const metrics = tableMetrics();
  const methods = shownMethods();
  const best = rankedMethods(methods);
  const order = [...best, ...methods.filter((method) => !best.includes(method))];
  const notes = new Map();
  const rows = order.map((method) => resultRow(method, metrics, notes));
  const table = make("table", {}, resultHead(metrics), make("tbody", {}, rows, publishedRows(metrics)));
  replaceTable(byId("table"), table, resultsTable, byId("filter")).then(
    (made) => (resultsTable = made),
    () => {},
  );
  byId("table-notes").replaceChildren(...tableNotes(metrics, notes));
}

function resultHead(metrics) {
  const { speed } = page;
  const groups = metrics.map((metric) =>
    make(
      "th",
      { colspan: page.scales.length, class: "group-start", "data-dt-order": "disable" },
      page.metrics[metric].title,
    ),
  );
  const scales = metrics.flatMap((metric) =>
    page.scales.map((scale, index) =>
      make("th", { scope: "col", class: `${headClass(scale, index)} ${bestFirst(metric)}` }, `×${scale}`),
    ),
  );
  const speedHead = make(
    "th",
    { rowspan: 2, scope: "col", class: "group-start more-first" },
    speed ? `MP/s ×${speed.scale}` : "",
  );
  return make(
    "thead",
    {},
    make(
      "tr",
      { class: "groups" },
      make("th", { rowspan: 2, scope: "col" }, "method"),
      groups,
      speed ? speedHead : null,
    ),
    make("tr", {}, scales),
  );
}

function headClass(scale, index) {
  return [index === 0 && "group-start", scale === chosen.scale && "chosen"].filter(Boolean).join(" ");
}

/** The class of columns whose first sorting is by the largest. */
function bestFirst(metric) {
  return page.metrics[metric].higher ? "more-first" : "";
}

function resultRow(method, metrics, notes) {
  const { label, short: name, family, learned } = page.methods[method];
  const words = `${label} ${family}${learned ? " learned" : ""}`;
  const head = make(
    "th",
    { scope: "row", "data-order": name, "data-search": words, "data-tip": `${label === name ? "" : `${label}\n`}${family}${learned ? ", learned" : ""}` },
    make("span", { class: "method" }, dotOf(method), make("span", {}, breakable(name))),
  );
  const cells = metrics.flatMap((metric) =>
    page.scales.map((scale, index) => resultCell(method, metric, scale, index, notes)),
  );
  return make("tr", {}, head, cells, page.speed ? speedCell(method) : null);
}

function resultCell(method, metric, scale, index, notes) {
  const result = resultOf(method, { scale, metric });
  const value = toNumber(result?.value);
  const classes = `${headClass(scale, index)} ${result?.value == null ? "missing" : ""}`;
  const attributes = {
    class: classes,
    "data-order": sortKey(value, metric),
    "data-search": "",
    "data-tip": result ? resultTip(result) : null,
  };
  return make("td", attributes, result ? resultNodes(result, notes) : "");
}

/** What is missing comes last, whichever way is better. */
function sortKey(value, metric) {
  if (Number.isNaN(value)) return page.metrics[metric].higher ? -1e12 : 1e12;
  return Math.max(-1e11, Math.min(1e11, value));
}

function resultNodes(result, notes) {
  const { digits } = page.metrics[result.metric];
  const numbers = result.notes.map((note) => noteNumber(notes, note));
  const style = result.rank === 1 ? "best" : result.rank === 2 ? "second" : "";
  return [
    make("span", { class: style }, result.text || "—"),
    result.spread ? make("span", { class: "spread" }, ` ± ${result.spread}`) : null,
    numbers.length ? make("sup", {}, numbers.join(", ")) : null,
    byId("intervals").checked && result.low != null
      ? make("span", { class: "range" }, range(result.low, result.high, digits))
      : null,
    byId("published").checked
      ? result.published.map(({ text, difference }) =>
          make("span", { class: "under" }, `${text} (${proper(difference)})`),
        )
      : null,
  ];
}

function noteNumber(notes, note) {
  if (!notes.has(note)) notes.set(note, notes.size + 1);
  return notes.get(note);
}

function resultTip(result) {
  const { digits, unit } = page.metrics[result.metric];
  const lines = [...result.notes];
  if (result.low != null)
    lines.push(
      `95 % interval ${range(result.low, result.high, digits)} ${unit}, over ${plural(result.images.length, "image")}`,
    );
  else if (page.metrics[result.metric].ofSet) lines.push("of the whole set: no interval");
  else if (result.value != null) lines.push(`${plural(result.images.length, "image")}: no interval`);
  if (result.seeds > 1) lines.push(`mean ± standard deviation of ${result.seeds} seeds`);
  for (const { name, text, difference, source } of result.published)
    lines.push(`published ${text} (${name}): ours is ${proper(difference)}\n${source}`);
  return lines.join("\n");
}

function speedCell(method) {
  const row = page.speed.rows.find((timed) => timed.method === method);
  const tip = row?.megapixels
    ? `${short(row.median)} ms (quartiles ${short(row.lower)} to ${short(row.upper)})`
    : row?.error || "not timed";
  return make(
    "td",
    { class: "group-start", "data-order": row?.megapixels ?? -1, "data-search": "", "data-tip": tip },
    row?.megapixels ? short(row.megapixels) : "—",
  );
}

function tableNotes(metrics, notes) {
  const { name, words: images } = page.datasets[chosen.dataset];
  const words = [
    `${name}, ${images}: means over the images, the best in bold, the second underlined.`,
  ];
  const sources = byId("published").checked ? sourcesOf(metrics) : [];
  if (sources.length)
    words.push("Small: the published value, and in brackets ours minus it; its source shows on hover and below.");
  if (page.speed) {
    const { scale, size, device } = page.speed;
    words.push(`MP/s: megapixels of output a second at ×${scale}, from one ${size}×${size} LR image`);
    words.push(`with all upsampling, on ${device}.`);
  }
  const lines = [make("p", {}, words.join(" "))];
  for (const [note, number] of notes) lines.push(make("p", {}, make("sup", {}, number), ` ${note}`));
  if (sources.length) lines.push(make("p", {}, `Published: ${sources.join("; ")}.`));
  for (const words of publishedNotes(metrics)) lines.push(make("p", {}, words));
  page.datasets[chosen.dataset].lacking.forEach((reason, metric) => {
    if (reason) lines.push(make("p", {}, `${page.metrics[metric].title} is unavailable: ${reason}.`));
  });
  return lines;
}

function sourcesOf(metrics) {
  const shown = page.results.filter((result) => result.dataset === chosen.dataset && metrics.includes(result.metric));
  return [...new Set(shown.flatMap((result) => result.published.map(({ name, source }) => `${name}: ${source}`)))];
}

/** Put a table in place and let DataTables sort and filter it; without the library it still stands. */
async function replaceTable(place, table, old, filter) {
  old?.destroy();
  place.replaceChildren(table);
  const DataTable = await loadDataTables();
  if (!table.isConnected) throw new Error("another table came in between");
  const made = new DataTable(table, {
    paging: false,
    info: false,
    autoWidth: false,
    order: [],
    columnDefs: [{ targets: "more-first", orderSequence: ["desc", "asc"] }],
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    language: { zeroRecords: "Nothing has that in its name." },
  });
  made.search(filter.value).draw();
  return made;
}
