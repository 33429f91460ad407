// Rows of published values of methods that are not in the run.

function publishedHere(metrics) {
  if (!byId("published").checked) return [];
  return page.published.filter(({ dataset, metric }) => dataset === chosen.dataset && metrics.includes(metric));
}

function publishedRows(metrics) {
  const here = publishedHere(metrics);
  return [...new Set(here.map(({ name }) => name))].map((name) => {
    const own = here.filter((value) => value.name === name);
    const head = make(
      "th",
      { scope: "row", "data-order": name, "data-search": `${name} published`, "data-tip": sourceWords(own[0]) },
      make("span", { class: "method" }, make("span", {}, `${name}, published`)),
    );
    const cells = metrics.flatMap((metric) =>
      page.scales.map((scale, index) => publishedCell(own, metric, scale, index)),
    );
    return make("tr", { class: "published" }, head, cells, page.speed ? make("td", { "data-order": -1 }, "") : null);
  });
}

function publishedCell(own, metric, scale, index) {
  const value = own.find((one) => one.metric === metric && one.scale === scale);
  const attributes = {
    class: headClass(scale, index),
    "data-order": sortKey(value ? value.value : NaN, metric),
    "data-search": "",
    "data-tip": value ? sourceWords(value) : null,
  };
  return make("td", attributes, value ? value.text : "");
}

function sourceWords({ source, note }) {
  return note ? `${source}\n${note}` : source;
}

/** Who printed the values, and which are of another protocol. */
function publishedNotes(metrics) {
  const here = publishedHere(metrics);
  const sources = [...new Set(here.map(({ name, source }) => `${name}: ${source}`))];
  const notes = [...new Set(here.map(({ note }) => note))].filter(Boolean);
  return [...(sources.length ? [`Published, not run here: ${sources.join("; ")}.`] : []), ...notes.map((note) => `${note}.`)];
}
