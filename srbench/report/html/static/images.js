// The same differences as a table: images by methods.

let imagesTable = null;

function drawImages() {
  if (!byId("images-fold").open) return;
  const lines = differences();
  const { images } = page.datasets[chosen.dataset];
  const largest = Math.max(...lines.flatMap(({ values }) => values.map(Math.abs).filter(Number.isFinite)), 1e-9);
  const rows = images.map((name, image) => imageRow(name, image, lines, largest));
  const table = make("table", {}, imagesHead(lines), make("tbody", {}, rows));
  replaceTable(byId("images"), table, imagesTable, byId("image-filter")).then(
    (made) => (imagesTable = made),
    () => {},
  );
}

function imagesHead(lines) {
  const base = shortLabel(chosen.baseline);
  const heads = lines.map(({ method }) =>
    make("th", { scope: "col", class: bestFirst(chosen.metric) }, shortLabel(method)),
  );
  return make(
    "thead",
    {},
    make("tr", {}, make("th", { scope: "col" }, "image"), make("th", { scope: "col" }, base), heads),
  );
}

function imageRow(name, image, lines, largest) {
  const { digits } = page.metrics[chosen.metric];
  const base = toNumber(resultOf(chosen.baseline)?.images[image]);
  const title = hasCrop(name)
    ? make("button", { type: "button", class: "link", onclick: () => lookAt(name) }, name)
    : name;
  const cells = lines.map(({ values }) => {
    const attributes = {
      "data-order": sortKey(values[image], chosen.metric),
      "data-search": "",
      style: { background: shade(values[image], largest) },
    };
    return make("td", attributes, signed(values[image], digits));
  });
  return make(
    "tr",
    {},
    make("th", { scope: "row", "data-order": name, "data-search": name }, title),
    make("td", { "data-order": sortKey(base, chosen.metric), "data-search": "" }, printed(base, digits)),
    cells,
  );
}

/** Blue where better, orange where worse, the stronger the further. */
function shade(value, largest) {
  const gain = page.metrics[chosen.metric].higher ? value : -value;
  const share = Math.min(1, Math.abs(value) / largest);
  if (!share || Number.isNaN(share)) return "transparent";
  return `color-mix(in srgb, var(${gain > 0 ? "--better" : "--worse"}) ${(6 + 34 * share).toFixed(0)}%, transparent)`;
}

function startImages() {
  byId("images-fold").addEventListener("toggle", drawImages);
  follow(["dataset", "scale", "metric", "baseline", "hidden"], drawImages);
  byId("image-filter").addEventListener("input", (event) => {
    byId("images-fold").open = true;
    imagesTable?.search(event.target.value).draw();
  });
}
