// How far each method is from a baseline on every image: as a chart.

/** For each other method its differences from the baseline, the best first. */
function differences() {
  const base = resultOf(chosen.baseline);
  if (base?.value == null) return [];
  return rankedMethods()
    .filter((method) => method !== chosen.baseline)
    .map((method) => ({
      method,
      values: resultOf(method).images.map((value, image) => minus(toNumber(value), toNumber(base.images[image]))),
    }));
}

/** Dots that do not hide each other: spread evenly in a narrow band. */
function jitter(count) {
  return Array.from({ length: count }, (_, index) => (count < 6 ? 0 : ((index * 0.618034) % 1) * 0.5 - 0.25));
}

function dotsTrace({ method, values }, line) {
  const { digits, unit } = page.metrics[chosen.metric];
  const base = resultOf(chosen.baseline);
  const own = resultOf(method);
  const offsets = jitter(values.length);
  return {
    type: "scatter",
    mode: "markers",
    x: values,
    y: values.map((_, image) => line + offsets[image]),
    text: page.datasets[chosen.dataset].images.map(chartText),
    customdata: values.map((value, image) => [
      signed(value, digits),
      unit,
      printed(toNumber(own.images[image]), digits),
      printed(toNumber(base.images[image]), digits),
      chartText(shortLabel(method)),
      image,
    ]),
    hovertemplate:
      "<b>%{text}</b><br>%{customdata[4]}: %{customdata[0]} %{customdata[1]}<br>%{customdata[2]} against %{customdata[3]}<extra></extra>",
    marker: { size: values.length > 40 ? 6 : 9, color: colourOf(method), opacity: values.length > 40 ? 0.45 : 0.6 },
  };
}

/** The mean with its interval, as far as the statistics have it. */
function meanTrace({ method, values }, line) {
  const { digits, unit } = page.metrics[chosen.metric];
  const cell = comparisonOf(method, chosen.baseline);
  const middle = cell ? toNumber(cell.difference) : mean(values);
  const reach =
    cell?.low == null
      ? null
      : {
          type: "data",
          symmetric: false,
          array: [cell.high - middle],
          arrayminus: [middle - cell.low],
          color: inkOf("ink"),
          thickness: 2,
          width: 6,
        };
  const words = `${signed(middle, digits)} ${unit}${cell?.low == null ? "" : ` ${range(cell.low, cell.high, digits, signed)}`}`;
  return {
    type: "scatter",
    mode: "markers",
    x: [middle],
    y: [line],
    text: [chartText(shortLabel(method))],
    customdata: [words],
    hovertemplate: "<b>%{text}</b>, mean<br>%{customdata}<extra></extra>",
    error_x: reach ?? { visible: false },
    marker: { size: 12, symbol: "diamond", color: colourOf(method), line: { color: inkOf("ink"), width: 1.5 } },
  };
}

function drawDifferences(Plotly, element) {
  const lines = differences();
  const { title } = page.metrics[chosen.metric];
  const baseline = shortLabel(chosen.baseline);
  const place = (index) => lines.length - 1 - index;
  const traces = lines.flatMap((line, index) => [dotsTrace(line, place(index)), meanTrace(line, place(index))]);
  draw(Plotly, element, traces, {
    height: Math.max(220, 110 + 46 * lines.length),
    hovermode: "closest",
    xaxis: axis([title, `minus that of ${baseline}`].map(chartText).join(element.clientWidth < 560 ? "<br>" : " "), {
      zeroline: true,
      zerolinecolor: inkOf("dim"),
      zerolinewidth: 1.5,
    }),
    yaxis: axis("", {
      tickvals: lines.map((_, index) => place(index)),
      ticktext: lines.map(({ method }) => chartText(clipped(shortLabel(method)))),
      tickfont: { color: inkOf("ink") },
      range: [-0.6, Math.max(lines.length - 0.4, 0.6)],
      showgrid: false,
    }),
  });
  element.removeAllListeners?.("plotly_click");
  element.on("plotly_click", ({ points }) => lookAt(page.datasets[chosen.dataset].images[points[0].customdata[5]]));
  element.setAttribute(
    "aria-label",
    `Differences from ${baseline} on ${placeWords()}: ${lines.map((line) => `${shortLabel(line.method)} ${signed(mean(line.values), page.metrics[chosen.metric].digits)}`).join(", ")}.`,
  );
  drawDifferencesNote(lines);
}

function clipped(text) {
  return text.length > 22 ? `${text.slice(0, 21)}…` : text;
}

function drawDifferencesNote(lines) {
  const { higher } = page.metrics[chosen.metric];
  const baseline = shortLabel(chosen.baseline);
  const sure = lines.some(({ method }) => comparisonOf(method, chosen.baseline)?.low != null);
  const side = higher ? "Right" : "Left";
  byId("differences-note").textContent = lines.length
    ? `${placeWords()}: a dot is an image, a diamond the mean${sure ? " with its 95 % interval" : ""}. ${side} of zero is better than ${baseline}.`
    : `There is nothing to compare with ${baseline} on ${placeWords()}: choose another baseline, data set or scale.`;
}

function startBaseline() {
  const select = byId("baseline");
  select.append(...page.methods.map(({ short: name }, value) => make("option", { value }, name)));
  select.value = chosen.baseline;
  select.addEventListener("change", () => choose({ baseline: Number(select.value) }));
}
