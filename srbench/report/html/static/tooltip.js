// What an element says on hover or focus: the text of its data-tip.

function startTips() {
  const tip = byId("tip");
  const show = (event) => {
    const owner = event.target.closest?.("[data-tip]");
    tip.hidden = !owner;
    if (!owner) return;
    tip.textContent = owner.dataset.tip;
    placeTip(tip, owner.getBoundingClientRect());
  };
  document.addEventListener("mouseover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });
  addEventListener("scroll", () => (tip.hidden = true), { passive: true, capture: true });
}

/** Below its owner, or above where there is no room, and never beyond the window's edges. */
function placeTip(tip, owner) {
  const { width, height } = tip.getBoundingClientRect();
  const below = owner.bottom + 6;
  tip.style.left = `${Math.max(8, Math.min(owner.left + owner.width / 2 - width / 2, innerWidth - width - 8))}px`;
  tip.style.top = `${below + height > innerHeight ? owner.top - height - 6 : below}px`;
}
