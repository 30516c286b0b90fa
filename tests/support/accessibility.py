"""What axe-core says of a page."""

from importlib import resources

from playwright.sync_api import Page

_RUN = """async () => {
    const found = await axe.run({ exclude: [".stToast"] }, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
    return found.violations.flatMap((rule) => rule.nodes.map((node) => [
        rule.impact, rule.id, node.target.flat(9).join(" "), node.failureSummary]));
}"""


def findings(page: Page) -> list[str]:
    """Serious and critical findings, one a line; without toasts, which Streamlit gives no name and lets nobody name."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate(_RUN)
    return [": ".join(map(str, each)) for each in found if each[0] in {"serious", "critical"}]
