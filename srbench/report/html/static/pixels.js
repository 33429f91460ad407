// Images of the page as pixels, and maps of their errors.

let stored = null;
const decoded = new Map();

function sourceOf(number) {
  stored ??= JSON.parse(byId("images-data").textContent);
  return `data:image/webp;base64,${stored[number]}`;
}

/** An image on a canvas of its own size, decoded once. */
function canvasOf(number) {
  if (!decoded.has(number)) decoded.set(number, decode(number));
  return decoded.get(number);
}

async function decode(number) {
  const image = new Image();
  image.src = sourceOf(number);
  await image.decode();
  const canvas = make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(image, 0, 0);
  return canvas;
}

function pixelsOf(canvas) {
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
}

/** For each pixel the mean over the channels of |SR - HR|, in grey levels of 255. */
function errorsOf(sr, hr) {
  const [a, b] = [pixelsOf(sr), pixelsOf(hr)];
  return Float32Array.from({ length: a.length / 4 }, (_, at) => {
    const i = 4 * at;
    return (Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2])) / 3;
  });
}

/** What all but one in two hundred values stay below, so that no single pixel darkens a map. */
function topOf(...maps) {
  const all = Float32Array.from(maps.flatMap((map) => [...map])).sort();
  return Math.max(4, Math.ceil(all[Math.floor(0.995 * (all.length - 1))]));
}

// Ramps whose lightness alone tells the order; the second is blue against orange about black.
const ERROR_RAMP = [
  [6, 6, 10],
  [87, 16, 110],
  [188, 55, 84],
  [249, 142, 9],
  [252, 255, 164],
];
const NEARER_RAMP = [
  [255, 160, 92],
  [213, 94, 0],
  [14, 14, 16],
  [0, 114, 178],
  [120, 200, 255],
];

function rampColour(ramp, share) {
  const at = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
  const low = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[low].map((value, channel) => value + (at - low) * (ramp[low + 1][channel] - value));
}

/** A map of values as an image; `share` brings a value to 0..1. */
function mapCanvas(values, width, height, ramp, share) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  values.forEach((value, at) => image.data.set([...rampColour(ramp, share(value)), 255], 4 * at));
  context.putImageData(image, 0, 0);
  return canvas;
}

function rampCss(ramp) {
  return `linear-gradient(to right, ${ramp.map((colour) => `rgb(${colour})`).join(", ")})`;
}
