// Values as papers print them.

/** JSON has no infinity: the document has the words. Null is no number. */
function toNumber(value) {
  if (value === "inf") return Infinity;
  if (value === "-inf") return -Infinity;
  return value ?? NaN;
}

/** An order of numbers in which equal infinities are equal. */
function compare(a, b) {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** No zero before the point: .9299. */
function printed(value, digits) {
  if (Number.isNaN(value)) return "—";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = Math.abs(value).toFixed(digits).replace(/^0\./, ".");
  return (value < 0 && /[1-9]/.test(text) ? "−" : "") + text;
}

/** A difference with its sign. */
function signed(value, digits) {
  const text = printed(value, digits);
  return value > 0 && /[1-9∞]/.test(text) ? `+${text}` : text;
}

/** A printed value with a minus sign for its hyphen. */
function proper(text) {
  return text.replace("-", "\u2212");
}

/** A - B; two methods that both restored an image exactly do not differ. */
function minus(a, b) {
  return a === b ? 0 : a - b;
}

function range(low, high, digits, print = printed) {
  return low == null ? "" : `[${print(low, digits)}, ${print(high, digits)}]`;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Three significant digits, and thousands apart. */
function short(value) {
  if (value >= 1e6) return `${short(value / 1e6)} M`;
  if (value >= 1000) return Math.round(value).toLocaleString("en").replace(/,/g, "\u202f");
  return String(Number(value.toPrecision(3)));
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
