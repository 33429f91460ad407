// What the page shows as files: the values, the tables for a paper, and each chart.

const FILE_KINDS = { csv: "CSV", tex: "LaTeX", bib: "BibTeX" };

function save(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function button(text, act) {
  return make("button", { type: "button", class: "quiet", onclick: act }, text);
}

function startDownloads() {
  const files = Object.entries(page.files).map(([name, { text, type }]) =>
    button(FILE_KINDS[name.split(".").at(-1)], () => save(name, text, type)),
  );
  byId("files-of-table").replaceChildren(...files);
  for (const chart of ["speed", "differences", "training"]) {
    const place = byId(`${chart}-files`);
    if (!place) continue;
    place.replaceChildren(...["png", "svg"].map((format) => button(format.toUpperCase(), () => saveChart(chart, format))));
  }
}

async function saveChart(chart, format) {
  const element = byId(`${chart}-plot`);
  const Plotly = await loadPlotly();
  const { clientWidth: width, clientHeight: height } = element;
  const filename = `${page.run}-${chart}-${stateText().slice(1).replaceAll("/", "-")}`;
  await Plotly.downloadImage(element, { format, width, height, scale: format === "png" ? 2 : 1, filename });
}
