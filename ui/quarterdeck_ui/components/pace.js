// One clock for all that moves by itself: every frame that the browser draws costs, so it all moves in the same ones.
const TICK_MS = 160;
const moving = new Set();
let timer = null;

export function eachTick(move) {
  moving.add(move);
  timer ??= setInterval(() => { if (!document.hidden) for (const each of moving) each(); }, TICK_MS);
  return () => {
    moving.delete(move);
    if (!moving.size) { clearInterval(timer); timer = null; }
  };
}

// Endless animations would make the browser draw sixty frames a second, whatever their steps: their style sheets pause
// them, so that nothing but this moves them.
export function pace(root) {
  return eachTick(() => {
    const waiting = root.getAnimations({ subtree: true }).filter((animation) => animation.playState === "paused");
    for (const animation of waiting) animation.currentTime = performance.now();
  });
}
