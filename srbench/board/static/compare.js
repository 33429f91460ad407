"use strict";
// Compares two methods place by place. Names are anybody's: they are only ever text.
const data = JSON.parse(document.getElementById("data").textContent);
const [one, other] = ["one", "other"].map((id) => document.getElementById(id));
const number = (value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(text);
  return made;
}

function valueCell(row, at, isBest) {
  const cell = element("td", row.texts[at], { className: isBest ? "best" : "" });
  cell.append(element("span", element("span", row.depth, { className: `depth ${row.depth}` }), { className: "under" }));
  return cell;
}

function tableRow(place, at, a, b) {
  const { name, digits, higher } = place.metrics[at];
  const [x, y] = [number(a.values[at]), number(b.values[at])];
  const [better, worse] = higher ? [x > y, x < y] : [x < y, x > y];
  const row = document.createElement("tr");
  const head = element("th", "", { scope: "row" });
  head.append(element("a", `${place.name} x${place.scale}`, { href: place.page }));
  head.append(element("span", place.protocol, { className: "under" }));
  const difference = y === x ? 0 : y - x;
  const text = `${difference < 0 ? "\u2212" : "+"}${Math.abs(difference).toFixed(digits)}`;
  row.append(head, element("td", `${name} ${higher ? "\u2191" : "\u2193"}`));
  row.append(valueCell(a, at, better), valueCell(b, at, worse));
  row.append(element("td", Number.isFinite(difference) ? text : "\u2014"));
  return { row, wins: [better, worse] };
}

function show() {
  const rows = [];
  const wins = [0, 0];
  for (const place of data.places) {
    const [a, b] = [place.rows[one.value], place.rows[other.value]];
    if (!a || !b) continue;
    for (let at = 0; at < place.metrics.length; at++) {
      if (a.values[at] === null || b.values[at] === null) continue;
      const made = tableRow(place, at, a, b);
      rows.push(made.row);
      made.wins.forEach((won, side) => (wins[side] += won));
    }
  }
  const [first, second] = [one, other].map((select) => select.selectedOptions[0].textContent);
  document.getElementById("head-one").textContent = first;
  document.getElementById("head-other").textContent = second;
  document.getElementById("rows").replaceChildren(...rows);
  document.getElementById("note").textContent = rows.length
    ? `${first} is better in ${wins[0]} of ${rows.length} values, ${second} in ${wins[1]}. Of several claims of a method ` +
      "that one is shown which is verified deepest."
    : "There is no data set, scale and protocol that both have values of.";
  history.replaceState(null, "", `#${one.value}&${other.value}`);
}

function choose() {
  const wanted = location.hash.slice(1).split("&").filter((slug) => data.methods.some((each) => each.slug === slug));
  const slugs = data.methods.map((each) => each.slug);
  one.value = wanted[0] ?? slugs[0];
  const shared = (slug) => data.places.some((place) => place.rows[one.value] && place.rows[slug]);
  other.value = wanted[1] ?? slugs.find((slug) => slug !== one.value && shared(slug)) ?? slugs.at(-1);
  show();
}

for (const select of [one, other]) {
  select.append(...data.methods.map(({ label, slug }) => element("option", label, { value: slug })));
  select.addEventListener("change", show);
}
addEventListener("hashchange", choose);
if (data.methods.length) choose();
