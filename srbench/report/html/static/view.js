// What part of a crop is seen: the same in both panes.

const MAX_ZOOM = 12;
const view = { zoom: 1, x: 0.5, y: 0.5 };

/** Keep the window inside the crop; x and y are the middle, in shares of it. */
function clampView() {
  const half = 0.5 / view.zoom;
  view.x = Math.max(half, Math.min(1 - half, view.x));
  view.y = Math.max(half, Math.min(1 - half, view.y));
}

function zoomTo(zoom, x = view.x, y = view.y) {
  if (zoom < 1 && widen(zoom)) return;
  const next = Math.max(1, Math.min(MAX_ZOOM, zoom));
  // what lies under (x, y) stays there
  view.x = x + ((view.x - x) * view.zoom) / next;
  view.y = y + ((view.y - y) * view.zoom) / next;
  view.zoom = next;
  choose({ view });
}

/** From a crop out to the wide view of its image, where there is one: the same place in the middle. */
function widen(zoom) {
  const crop = cropHere();
  const wide = cropsHere().find((other) => other.wide && other.image === crop?.image);
  if (!wide || wide === crop) return false;
  const [top, left, height, width] = crop.window;
  const [wideTop, wideLeft, wideHeight, wideWidth] = wide.window;
  view.zoom = Math.max(1, Math.min(wideWidth / width, wideHeight / height) * zoom);
  view.x = (left + width / 2 - wideLeft) / wideWidth;
  view.y = (top + height / 2 - wideTop) / wideHeight;
  clampView();
  choose({ crop: wide, view });
  return true;
}

function moveView(dx, dy) {
  view.x += dx / view.zoom;
  view.y += dy / view.zoom;
  choose({ view });
}

/** Draw a crop in a pane, pixels as squares; from `left` to `right`, in shares of the pane. */
function paint(pane, crop, left = 0, right = 1) {
  const canvas = pane.querySelector("canvas");
  const context = canvas.getContext("2d");
  const [width, height] = fitted(canvas, crop);
  const corner = [(canvas.width - width) / 2, (canvas.height - height) / 2];
  const [w, h] = [crop.width / view.zoom, crop.height / view.zoom];
  context.save();
  context.beginPath();
  context.rect(left * canvas.width, 0, (right - left) * canvas.width, canvas.height);
  context.clip();
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(crop, view.x * crop.width - w / 2, view.y * crop.height - h / 2, w, h, ...corner, width, height);
  context.restore();
}

/** The size of a crop that fills a pane on one side at least. */
function fitted(canvas, crop) {
  const scale = Math.min(canvas.width / crop.width, canvas.height / crop.height);
  return [crop.width * scale, crop.height * scale];
}

/** As many pixels as the screen has. */
function sharpen(pane) {
  const canvas = pane.querySelector("canvas");
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [Math.round(pane.clientWidth * ratio), Math.round(pane.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

function startView() {
  byId("zoom-in").addEventListener("click", () => zoomTo(view.zoom * 1.5));
  byId("zoom-out").addEventListener("click", () => zoomTo(view.zoom / 1.5));
  byId("zoom-fit").addEventListener("click", () => zoomTo(1));
  for (const pane of [byId("compare"), byId("truth"), byId("input"), byId("base")]) {
    pane.addEventListener("wheel", wheelZoom, { passive: false });
    pane.addEventListener("keydown", keyView);
  }
  for (const id of ["truth", "input", "base"]) startPan(byId(id));
}

/** Plain wheels scroll the page; with ctrl (or a pinch) they zoom at the pointer. */
function wheelZoom(event) {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const box = event.currentTarget.getBoundingClientRect();
  const [px, py] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  zoomTo(view.zoom * 1.0025 ** -event.deltaY, view.x + (px - 0.5) / view.zoom, view.y + (py - 0.5) / view.zoom);
}

const PANS = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };

function keyView(event) {
  const pans = event.currentTarget.id === "compare" ? {} : PANS;
  if (event.key === "+" || event.key === "=") zoomTo(view.zoom * 1.5);
  else if (event.key === "-") zoomTo(view.zoom / 1.5);
  else if (event.key === "0") zoomTo(1);
  else if (pans[event.key]) moveView(...pans[event.key]);
  else return;
  event.preventDefault();
}

function startPan(pane) {
  pane.addEventListener("pointerdown", (event) => pane.setPointerCapture(event.pointerId));
  pane.addEventListener("pointermove", (event) => {
    if (pane.hasPointerCapture(event.pointerId))
      moveView(-event.movementX / pane.clientWidth, -event.movementY / pane.clientHeight);
  });
  pane.addEventListener("dblclick", () => zoomTo(view.zoom > 1 ? 1 : 3));
}
