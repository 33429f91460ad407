// The divider between two methods: by pointer anywhere on the pane, and by keys.

const STEPS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };

function setSplit(split) {
  const share = Math.max(0, Math.min(1, split));
  byId("divider").style.left = `${100 * share}%`;
  byId("divider").setAttribute("aria-valuenow", Math.round(100 * share));
  choose({ split: share });
}

function keySplit(event) {
  const ends = { Home: 0, End: 1 };
  if (event.key in ends) setSplit(ends[event.key]);
  else if (event.key in STEPS) setSplit(chosen.split + STEPS[event.key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function startSlider() {
  const pane = byId("compare");
  const drag = (event) => {
    const box = pane.getBoundingClientRect();
    setSplit((event.clientX - box.left) / box.width);
  };
  pane.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pane.setPointerCapture(event.pointerId);
    byId("divider").focus({ preventScroll: true });
    drag(event);
  });
  pane.addEventListener("pointermove", (event) => {
    if (pane.hasPointerCapture(event.pointerId)) drag(event);
  });
  byId("divider").addEventListener("keydown", keySplit);
}
