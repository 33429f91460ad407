// Data set, scale, metric; and which methods are shown.

/** Fill a fieldset with radio buttons, which bring the keyboard with them. */
function segments(id, choices, current, act) {
  const field = byId(id);
  const buttons = choices.map(({ value, text, reason }) =>
    make(
      "label",
      { "data-tip": reason || null },
      make("input", {
        type: "radio",
        name: id,
        value,
        checked: value === current,
        disabled: Boolean(reason),
        onchange: () => act(value),
      }),
      make("span", {}, text),
    ),
  );
  field.append(...buttons);
}

function startSwitches() {
  segments(
    "dataset",
    page.datasets.map(({ name }, value) => ({ value, text: name })),
    chosen.dataset,
    (dataset) => {
      choose({ dataset });
      if (page.datasets[dataset].lacking[chosen.metric]) byId("metric").querySelectorAll("input")[firstMetric(dataset)]?.click();
    },
  );
  segments(
    "scale",
    page.scales.map((value) => ({ value, text: `×${value}` })),
    chosen.scale,
    (scale) => choose({ scale }),
  );
  const reasons = page.metrics.map((_, metric) => page.datasets.map(({ lacking }) => lacking[metric]));
  const metrics = page.metrics.map(({ title }, value) => ({
    value,
    text: title,
    reason: reasons[value].every(Boolean) ? reasons[value][0] : "",
  }));
  segments("metric", metrics, chosen.metric, (metric) => choose({ metric }));
  startChips();
}

/** One switch for each method, of all tables and charts. */
function startChips() {
  const chips = page.methods.map(({ short: name }, method) =>
    make("button", { type: "button", "aria-pressed": "true", onclick: () => toggle(method) }, dotOf(method), name),
  );
  const toggle = (method) => {
    const hidden = new Set(chosen.hidden);
    if (!hidden.delete(method)) hidden.add(method);
    chips[method].setAttribute("aria-pressed", String(!hidden.has(method)));
    choose({ hidden });
  };
  byId("chips").append(...chips);
}
