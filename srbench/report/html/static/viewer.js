// The viewer: a crop by two methods, with HR or LR beside it.

const MODES = [
  { value: "image", text: "image" },
  { value: "error", text: "error" },
  { value: "nearer", text: "who is nearer" },
];
let painted = null; // the layers that the panes show, until another crop or method is chosen

function cropsHere() {
  return page.crops.filter((crop) => crop.dataset === chosen.dataset && crop.scales[chosen.scale]);
}

/** The chosen crop, or the first of the data set where it has none of that name. */
function cropHere() {
  const crops = cropsHere();
  return crops.includes(chosen.crop) ? chosen.crop : crops[0];
}

function hasCrop(image) {
  return cropsHere().some((crop) => crop.image === image);
}

/** Show an image in the viewer, if there are crops of it. */
function lookAt(image) {
  const crop = cropsHere().find((candidate) => candidate.image === image);
  if (!crop) return;
  choose({ crop });
  byId("viewer").scrollIntoView({
    behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
  });
}

/** The method of a side: as chosen, or where that has no image the baseline at left and the best at right. */
function sideOf(side, shown) {
  const best = [...rankedMethods(shown), ...shown.filter((method) => !rankedMethods(shown).includes(method))];
  const fallback =
    side === "left"
      ? shown.includes(chosen.baseline) && best[0] !== chosen.baseline
        ? chosen.baseline
        : best.at(-1)
      : best[0];
  return shown.includes(chosen[side]) ? chosen[side] : fallback;
}

/** Whether SR can be compared with HR; without HR, LR is shown in its place. */
function hasHr() {
  return page.datasets[chosen.dataset].original === "HR";
}

function modeHere() {
  return hasHr() ? chosen.mode : "image";
}

async function layersOf(crop, left, right) {
  const images = crop.scales[chosen.scale];
  const small = [images.lr, images.sr[chosen.baseline]].map((image) => (image == null ? null : canvasOf(image)));
  const wanted = [images.sr[left], images.sr[right], images.hr].map(canvasOf);
  const [a, b, hr, lr, base] = await Promise.all([...wanted, ...small]);
  if (modeHere() === "image") return { a, b, hr, lr, base };
  const errors = [errorsOf(a, hr), errorsOf(b, hr)];
  if (modeHere() === "error") {
    const top = topOf(...errors);
    const [mapA, mapB] = errors.map((values) =>
      mapCanvas(values, hr.width, hr.height, ERROR_RAMP, (value) => value / top),
    );
    return { a: mapA, b: mapB, hr, lr, base, top };
  }
  const gains = errors[0].map((value, at) => value - errors[1][at]);
  const top = topOf(gains.map(Math.abs));
  const map = mapCanvas(gains, hr.width, hr.height, NEARER_RAMP, (value) => 0.5 + value / (2 * top));
  return { a: map, b: map, hr, lr, base, top };
}

async function drawViewer() {
  const crop = cropHere();
  for (const part of ["film", "thumbs"]) byId(part).hidden = !crop;
  byId("viewer").querySelector(".panes").hidden = !crop;
  if (!crop) {
    byId("viewer-place").textContent = `No images of ${placeWords()} were kept.`;
    return;
  }
  const shown = Object.keys(crop.scales[chosen.scale].sr).map(Number);
  const [left, right] = [sideOf("left", shown), sideOf("right", shown)];
  drawSides(crop, shown, left, right);
  drawFilm(crop, shown, left, right);
  const ticket = (painted = { crop });
  const layers = await layersOf(crop, left, right);
  if (painted !== ticket) return; // the reader was faster
  painted = { crop, left, right, layers };
  paintPanes();
  drawLegend(layers.top, left, right);
}

function paintPanes() {
  byId("zoom-level").textContent = `${Number(view.zoom.toFixed(1))}×`;
  if (!painted?.layers) return;
  clampView();
  const { a, b, hr, lr, base } = painted.layers;
  const [compare, truth] = [byId("compare"), byId("truth")];
  for (const pane of [compare, truth]) sharpen(pane);
  for (const [id, layer] of [
    ["input", lr],
    ["base", base],
  ]) {
    const pane = byId(id);
    pane.closest("figure").hidden = !layer;
    if (!layer) continue;
    sharpen(pane);
    paint(pane, layer);
  }
  truth.style.touchAction = view.zoom > 1 ? "none" : "pan-y"; // a finger scrolls the page unless there is more to see
  const canvas = compare.querySelector("canvas");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  paint(compare, a, 0, chosen.split);
  paint(compare, b, chosen.split, 1);
  paint(truth, hr);
}

function drawSides(crop, shown, left, right) {
  const options = () => shown.map((method) => make("option", { value: method }, shortLabel(method)));
  for (const [side, method] of [
    ["left", left],
    ["right", right],
  ]) {
    byId(side).replaceChildren(...options());
    byId(side).value = method;
    byId(`${side}-value`).textContent = imageValue(crop, method);
  }
  byId("viewer-place").textContent =
    `${crop.image}, ${placeWords()}, ${crop.window[3]}×${crop.window[2]} of ${crop.size[1]}×${crop.size[0]} pixels`;
  const names = [left, right].map((method) => shortLabel(method));
  byId("compare")
    .querySelector("canvas")
    .setAttribute(
      "aria-label",
      `${crop.image} at ×${chosen.scale} by ${names[0]} left of the divider and ${names[1]} right of it`,
    );
  const [original, words] = hasHr() ? ["HR", "the original"] : ["LR", "enlarged, there is no HR"];
  byId("truth").querySelector("canvas").setAttribute("aria-label", `${crop.image}, ${original}, ${words}`);
  byId("original").replaceChildren(make("b", {}, original), " ", make("span", { class: "dim" }, words));
  byId("mode").hidden = !hasHr();
  const baseline = shortLabel(chosen.baseline);
  byId("input").querySelector("canvas").setAttribute("aria-label", `${crop.image}, the low-resolution input`);
  byId("base").querySelector("canvas").setAttribute("aria-label", `${crop.image} by ${baseline}`);
  byId("base-name").textContent = baseline;
  byId("base-value").textContent = crop.scales[chosen.scale].sr[chosen.baseline] == null ? "" : imageValue(crop, chosen.baseline);
  drawFiles(crop, left, right);
  byId("divider").setAttribute("aria-valuetext", `${names[0]} left, ${names[1]} right`);
}

/** A method's value of the whole image. */
function imageValue(crop, method) {
  const { digits, unit } = page.metrics[chosen.metric];
  const at = page.datasets[chosen.dataset].images.indexOf(crop.image);
  const value = toNumber(resultOf(method)?.images[at]);
  return Number.isNaN(value) ? "" : `${printed(value, digits)}${unit && ` ${unit}`}`;
}

/** Links to the whole images, where the page lies in its run's folder. */
function drawFiles(crop, left, right) {
  const { files } = crop.scales[chosen.scale];
  const atHome = decodeURIComponent(location.pathname).endsWith(`/${page.run}/report/report.html`);
  byId("files").hidden = !atHome;
  const names = [...new Set([left, right])].map((method) => [files[method], shortLabel(method)]);
  const links = [[files.hr, "HR"], ...names].flatMap(([path, text]) => [make("a", { href: path, target: "_blank" }, text), " "]);
  byId("files").replaceChildren("Whole images as PNG: ", ...links);
}

function drawLegend(top, left, right) {
  const legend = byId("legend");
  if (modeHere() === "image") legend.replaceChildren(make("span", { class: "hint" }, "drag to move, double click to zoom"));
  else if (modeHere() === "error") legend.replaceChildren("error 0", ramp(ERROR_RAMP), `${top} of 255`);
  else
    legend.replaceChildren(
      `${shortLabel(left)} nearer`,
      ramp(NEARER_RAMP),
      `${shortLabel(right)} nearer`,
    );
}

function ramp(colours) {
  return make("span", { class: "ramp", style: { background: rampCss(colours) } });
}

function startViewer() {
  if (!byId("viewer")) return;
  Object.assign(chosen, { mode: "image", split: 0.5, crop: null, left: null, right: null, view });
  segments("mode", MODES, chosen.mode, (mode) => choose({ mode }));
  for (const side of ["left", "right"])
    byId(side).addEventListener("change", (event) => choose({ [side]: Number(event.target.value) }));
  startView();
  startSlider();
  follow(["split", "view"], paintPanes);
  follow(["dataset", "scale", "crop"], drawThumbs);
  follow(["dataset", "scale", "metric", "crop", "left", "right", "mode", "baseline"], drawViewer);
  new ResizeObserver(paintPanes).observe(byId("compare"));
  const metric =
    "Values are of the whole image. Crops are where the methods differ most on edges and texture, stored without loss; a wide view is stored with a little.";
  byId("viewer-note").textContent =
    `${metric} Divider: drag, or the arrow keys. Zoom: the buttons, + and −, or ctrl and the wheel. Below: choose the method on the right, with shift the one on the left.`;
}
