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

function speedTrace(points, narrow) {
  const { digits, unit } = page.metrics[chosen.metric];
  return {
    type: "scatter",
    mode: "markers+text",
    x: points.map(({ row }) => row.megapixels),
    y: points.map(({ value }) => value),
    text: points.map(({ method }) => chartText(page.methods[method].label)),
    texttemplate: "\u2002%{text}\u2002",
    customdata: points.map(({ row, value }) => [
      printed(value, digits),
      unit,
      short(row.megapixels),
      short(row.median),
    ]),
    hovertemplate:
      "<b>%{text}</b><br>%{customdata[0]} %{customdata[1]}<br>%{customdata[2]} MP/s, %{customdata[3]} ms<extra></extra>",
    textposition: labelPlaces(points),
    textfont: { color: inkOf("ink"), size: narrow ? 11 : 13 },
    cliponaxis: false,
    marker: {
      size: 14,
      color: points.map(({ method }) => colourOf(method)),
      symbol: points.map(({ method }) => page.methods[method].symbol),
      line: { color: inkOf("raised"), width: 1.5 },
    },
  };
}

/** Labels lie towards the middle of the chart; those of close neighbours above and below. */
function labelPlaces(points) {
  const values = points.map(({ value }) => value);
  const tall = Math.max(...values) - Math.min(...values) || 1;
  const logs = points.map(({ row }) => Math.log10(row.megapixels));
  const middle = (Math.min(...logs) + Math.max(...logs)) / 2;
  const near = (a, b) => Math.abs(logs[a] - logs[b]) < 0.8 && Math.abs(values[a] - values[b]) < 0.05 * tall;
  return points.map((_, index) => {
    const side = logs[index] <= middle ? "right" : "left";
    const neighbour = points.findIndex((_, other) => other !== index && near(index, other));
    if (neighbour < 0) return `middle ${side}`;
    return compare(values[index], values[neighbour]) * (neighbour > index ? 1 : -1) >= 0 && index < neighbour
      ? `top ${side}`
      : `bottom ${side}`;
  });
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
  draw(Plotly, element, [frontTrace(front), speedTrace(points, narrow)], {
    height: narrow ? 400 : 460,
    xaxis: axis(`megapixels of output a second, ×${page.speed.scale}`, {
      type: "log",
      dtick: logSpan(points) > 2 ? 1 : "D2", // decades alone, or 2 and 5 between them
      exponentformat: "none",
      range: logRange(points),
    }),
    yaxis: axis(chartText(`${metric.title} on ${clipped(page.datasets[chosen.dataset].name)} ×${chosen.scale}`), {
      autorange: metric.higher ? true : "reversed",
    }),
  });
  const names = front.map(({ method }) => page.methods[method].label);
  element.setAttribute(
    "aria-label",
    `Quality against speed on ${placeWords()}. Faster and better than all others, the fastest first: ${names.join(", ")}.`,
  );
  byId("speed-note").textContent = speedWords(points, names);
}

/** Room for labels at both ends. */
function logRange(points) {
  const logs = points.map(({ row }) => Math.log10(row.megapixels));
  return points.length ? [Math.min(...logs) - 0.45, Math.max(...logs) + 0.45] : [-1, 1];
}

function logSpan(points) {
  const [low, high] = logRange(points);
  return high - low;
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
    words.push(`Without a place here: ${lacking.map((method) => page.methods[method].label).join(", ")}.`);
  return words.join(" ");
}
