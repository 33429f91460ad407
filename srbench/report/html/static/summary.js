// The place where the reader looks in four values.

function tile(what, big, unit, who) {
  return make(
    "div",
    { class: "tile" },
    make("div", { class: "what" }, what),
    make("div", { class: "big" }, big, unit ? make("small", {}, ` ${unit}`) : null),
    make("div", { class: "who" }, who),
  );
}

function named(method, ...rest) {
  return [dotOf(method), " ", shortLabel(method), ...rest];
}

function bestTile() {
  const [best] = rankedMethods();
  const metric = page.metrics[chosen.metric];
  const title = `best ${metric.name.toUpperCase()} on ${placeWords()}`;
  if (best === undefined) return tile(title, "—", "", "no method has a value here");
  return tile(title, resultOf(best).text, metric.unit, named(best));
}

function gainTile() {
  const [best] = rankedMethods();
  const { baseline } = chosen;
  if (best === undefined || best === baseline || !resultOf(baseline)) return null;
  const { digits, unit, name } = page.metrics[chosen.metric];
  const gain = minus(toNumber(resultOf(best).value), toNumber(resultOf(baseline).value));
  const cell = comparisonOf(best, baseline);
  const interval = cell ? range(cell.low, cell.high, digits, signed) : "";
  const [low, high] = (cell?.range ?? []).map((end) => signed(toNumber(end), digits));
  const fewer = cell && `better on ${cell.wins[0]} of ${cell.wins[0] + cell.wins[1] + cell.wins[2]} images, from ${low} to ${high}`;
  return tile(
    `${name.toUpperCase()} over ${shortLabel(baseline)}`,
    signed(gain, digits),
    unit,
    interval ? `95 % interval ${interval}` : (fewer ?? "not compared here"),
  );
}

function speedTile() {
  const timed = (page.speed?.rows ?? []).filter((row) => row.megapixels && !chosen.hidden.has(row.method));
  if (!timed.length) return null;
  const fastest = timed.reduce((a, b) => (b.megapixels > a.megapixels ? b : a));
  return tile(`fastest, ×${page.speed.scale}`, short(fastest.megapixels), "MP/s", named(fastest.method));
}

/** How many of a data set's published values the run reaches, to a unit in the last digit; over all scales. */
function publishedTile() {
  const shown = page.results
    .filter(({ metric, dataset }) => metric === chosen.metric && dataset === chosen.dataset)
    .flatMap((result) => result.published);
  if (!shown.length) return null;
  const { unit, name, digits, higher } = page.metrics[chosen.metric];
  const gains = shown.map(({ difference }) => (higher ? 1 : -1) * Number(difference));
  const reached = gains.filter((gain) => gain > -1.5 * 10 ** -digits).length;
  const reach = `from ${signed(Math.min(...gains), digits)} to ${signed(Math.max(...gains), digits)} ${unit}`;
  return tile(
    `published ${name.toUpperCase()} reached on ${page.datasets[chosen.dataset].name}`,
    `${reached} of ${shown.length}`,
    "",
    `ours minus theirs: ${reach}`,
  );
}

function drawSummary() {
  byId("tiles").replaceChildren(...[bestTile(), gainTile(), speedTile(), publishedTile()].filter(Boolean));
}
