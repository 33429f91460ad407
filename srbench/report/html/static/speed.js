// Quality against speed, with the front of the methods that no other beats in both.

function timedMethods() {
  return rankedMethods()
    .map((method) => ({
      method,
      row: page.speed.rows.find((row) => row.method === method),
      value: toNumber(resultOf(method).value),
    }))
    .filter(({ row, value }) => row?.megapixels && Number.isFinite(value));
}

/** Methods than which no other is faster and better; the fastest first. */
function paretoFront(points) {
  const sign = page.metrics[chosen.metric].higher ? 1 : -1;
  let best = -Infinity;
  return [...points]
    .sort((a, b) => b.row.megapixels - a.row.megapixels || sign * (b.value - a.value))
    .filter(({ value }) => sign * value > best && ((best = sign * value), true));
}

function speedTrace(points) {
  const { digits, unit } = page.metrics[chosen.metric];
  return {
    type: "scatter",
    mode: "markers",
    x: points.map(({ row }) => row.megapixels),
    y: points.map(({ value }) => value),
    text: points.map(({ method }) => chartText(shortLabel(method))),
    customdata: points.map(({ row, value }) => [
      printed(value, digits),
      unit,
      short(row.megapixels),
      short(row.median),
    ]),
    hovertemplate:
      "<b>%{text}</b><br>%{customdata[0]} %{customdata[1]}<br>%{customdata[2]} MP/s, %{customdata[3]} ms<extra></extra>",
    cliponaxis: false,
    marker: {
      size: 14,
      color: points.map(({ method }) => colourOf(method)),
      symbol: points.map(({ method }) => page.methods[method].symbol),
      line: { color: inkOf("raised"), width: 1.5 },
    },
  };
}

function frontTrace(front) {
  return {
    type: "scatter",
    mode: "lines",
    x: front.map(({ row }) => row.megapixels),
    y: front.map(({ value }) => value),
    line: { color: inkOf("dim"), width: 1.5, dash: "dot" },
    hoverinfo: "skip",
  };
}

function drawSpeed(Plotly, element) {
  const points = timedMethods();
  const front = paretoFront(points);
  const metric = page.metrics[chosen.metric];
  const narrow = element.clientWidth < 560;
  const height = narrow ? 400 : 460;
  const ranges = { x: logRange(points), y: valueRange(points) };
  const area = [element.clientWidth - 84, height - 80];
  const placed = ({ method, row, value }) => ({ x: Math.log10(row.megapixels), y: value, text: shortLabel(method) });
  draw(Plotly, element, [frontTrace(front), speedTrace(points)], {
    height,
    annotations: labelNotes(points.map(placed), area, ranges, narrow ? 11 : 13, front.map(placed)),
    xaxis: axis(`megapixels of output a second, ×${page.speed.scale}`, {
      type: "log",
      ...logTicks(ranges.x),
      range: ranges.x,
    }),
    yaxis: axis(chartText(`${metric.title} on ${clipped(page.datasets[chosen.dataset].name)} ×${chosen.scale}`), {
      range: ranges.y,
    }),
  });
  const names = front.map(({ method }) => shortLabel(method));
  element.setAttribute(
    "aria-label",
    `Quality against speed on ${placeWords()}. Faster and better than all others, the fastest first: ${names.join(", ")}.`,
  );
  byId("speed-note").textContent = speedWords(points, names);
}

/** Room for labels at both ends. */
function logRange(points) {
  const logs = points.map(({ row }) => Math.log10(row.megapixels));
  return points.length ? [Math.min(...logs) - 0.25, Math.max(...logs) + 0.25] : [-1, 1];
}

/** From the worst value at the bottom to the best at the top. */
function valueRange(points) {
  const values = points.map(({ value }) => value);
  if (!values.length) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || 1) * 0.1;
  const range = [low - room, high + room];
  return page.metrics[chosen.metric].higher ? range : range.reverse();
}

/** Ticks written out: every decade, and 2 and 5 between them where there is room. */
function logTicks([low, high]) {
  const steps = high - low > 2 ? [1] : [1, 2, 5];
  const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, at) => Math.floor(low) + at);
  const tickvals = decades.flatMap((power) => steps.map((step) => step * 10 ** power));
  return { tickvals, ticktext: tickvals.map((value) => String(Number(value.toPrecision(1)))) };
}

function speedWords(points, names) {
  const { device, scale, size } = page.speed;
  const lacking = shownMethods().filter((method) => !points.some((point) => point.method === method));
  const words = [
    `Up and to the right is better. The dotted line joins the methods that no other beats in both: ${names.join(", ") || "none"}.`,
  ];
  words.push(
    `Speed is of the whole way from LR at ×${scale}, one ${size}×${size} LR image, on ${device}${scale === chosen.scale ? "" : `; quality is at ×${chosen.scale}`}.`,
  );
  if (lacking.length)
    words.push(`Without a place here: ${lacking.map((method) => shortLabel(method)).join(", ")}.`);
  return words.join(" ");
}
