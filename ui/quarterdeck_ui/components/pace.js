// Endless animations advance eight times a second: left alone, they make the browser draw sixty frames a second, whatever
// their steps. Their style sheets pause them, so that nothing but this moves them.
const STEP_MS = 125;

export function pace(root) {
  const timer = setInterval(() => {
    if (document.hidden) return;
    const waiting = root.getAnimations({ subtree: true }).filter((animation) => animation.playState === "paused");
    for (const animation of waiting) animation.currentTime = performance.now();
  }, STEP_MS);
  return () => clearInterval(timer);
}
