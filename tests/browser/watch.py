"""What a page may not do in a browser, and how it is noticed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

from django.urls import reverse
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

from tests.matrix import ROUTES, WHO
from tests.plugins.environment import BASE_DIR

AXE = (BASE_DIR / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Words that are the same in every language. Names of people, things and codes are marked with translate="no" instead.
SAME_IN_CHINESE = {
    "API",
    "CNY",
    "CSV",
    "Ctrl",
    "Esc",
    "GB",
    "GIF",
    "Gini",
    "HTTPS",
    "ID",
    "JPEG",
    "JSON",
    "KOL",
    "MB",
    "Nielsen",
    "PDF",
    "PNG",
    "QQ",
    "QR",
    "README",
    "SOP",
    "TA",
    "URL",
    "USD",
    "UTC",
    "UTF",
    "WebP",
    "Webhook",
    "XLSX",
    "YAML",
    "csv",
    "gz",
    "gzip",
    "ics",
    "kB",
    "poster",
    "unionid",
    "zip",
}

# Every text that a person sees or hears, outside of what is marked as not to be translated: [texts, labels, names].
# `names` is what is marked; the title and labels repeat it ("Select 李雷"), and no mark can stand inside those.
TEXTS = """() => {
  const texts = [], labels = [document.title], names = [];
  const skip = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TEXTAREA", "KBD", "CODE", "PRE"]);
  const kept = (element) => element.closest('[translate="no"]') !== null;
  const seen = (element) => element.checkVisibility ? element.checkVisibility() : true;
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.textContent.trim();
      if (text && !kept(node.parentElement) && seen(node.parentElement.closest("select") || node.parentElement))
        texts.push(text);
    } else if (node.nodeType === Node.ELEMENT_NODE && !skip.has(node.tagName)) {
      if (!kept(node))
        for (const name of ["alt", "aria-label", "aria-description", "placeholder", "title"])
          if (node.getAttribute(name)) labels.push(node.getAttribute(name));
      node.childNodes.forEach(walk);
    }
  };
  walk(document.body);
  for (const node of document.querySelectorAll('[translate="no"]'))
    names.push(node.textContent.trim(), node.value || "", ...[...node.options || []].map((one) => one.text.trim()));
  return [texts, labels, names];
}"""
SIDEWAYS = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > wide + 1 && !one.closest(".table-responsive"))
    .slice(0, 5).map((one) => one.tagName.toLowerCase() + "." + one.className);
}"""
FINDINGS = """([context, options]) => axe.run(context, options).then((result) => result.violations.map((one) =>
  `${one.id} (${one.impact}): ` + one.nodes.slice(0, 3).map((node) =>
    node.target.join(" ") + " " + (node.any[0]?.message || "")).join(" | ")))"""
# The first frame lays the page out anew and tells those who watch their size, the second shows what these made of it.
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# The frame around every page of the console is examined once: half of what axe has to look at is in it.
SHELL = ["#nav", ".topbar"]
ZONE = re.compile(r"\b[A-Z][a-z]+/[A-Z]\w+")
ADDRESS = re.compile(r"https?://\S*|\b[A-Za-z\d-]+(?:\.[A-Za-z\d-]+)+\b|\{\w+\}")
# Languages are called by their own names everywhere.
LANGUAGE_NAMES = re.compile(r"English|简体中文")
HAN = re.compile(r"[\u3400-\u9fff]")
LATIN = re.compile(r"[A-Za-z][A-Za-z'’]+")


class Watcher:
    """Opens pages in one browser and keeps a list of everything that is wrong with them."""

    def __init__(self, context: BrowserContext, *, language: str) -> None:
        self.language = language
        self.problems: list[str] = []
        self.where = ""
        self._shell_is_known = False
        self.page: Page = context.new_page()
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample))"
        )
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.report(f"script error: {error}"))
        self._pending: set[Request] = set()
        self.page.on("request", lambda request: self._pending.add(request))
        self.page.on("requestfinished", lambda request: self._pending.discard(request))
        self.page.on("requestfailed", self._on_failed)
        self.page.on("response", self._on_response)

    def report(self, problem: str) -> None:
        self.problems.append(f"{self.where}: {problem}")

    def _on_console(self, message: ConsoleMessage) -> None:
        # A refused page says so on the console too; the status is checked already.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.report(f"console: {message.text[:300]}")

    def _on_failed(self, request: Request) -> None:
        self._pending.discard(request)
        # What is cut off by leaving the page, and downloads, count as aborted.
        if request.failure != "net::ERR_ABORTED":
            self.report(f"request failed: {request.url} {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.report(f"{response.status} for {response.url}")

    def open(self, path: str, status: int = 200) -> Page:
        """Go to a page and wait until everything on it is there."""
        self.where = path
        self._pending.clear()
        response = self.page.goto(path, wait_until="load", timeout=90_000)
        found = response.status if response else 0
        if found != status:
            self.report(f"answered {found} instead of {status}")
        self.settle()
        return self.page

    def resize(self, width: int, height: int) -> None:
        """Make the window as wide; what a page loads because of it is waited for."""
        if self.page.viewport_size != {"width": width, "height": height}:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.evaluate(TWO_FRAMES)
            if self._pending:
                self.settle()

    def settle(self) -> None:
        """Wait until the parts that load by themselves are there: nothing asked for in a tenth of a second."""
        quiet = 0
        for _look in range(600):
            quiet = 0 if self._pending else quiet + 1
            if quiet == 3:
                return
            self.page.wait_for_timeout(35)
        self.report(f"still waits for {[request.url for request in self._pending]}")

    def look(self) -> None:
        """Whether the page fits its window and speaks one language."""
        if found := self.page.evaluate(SIDEWAYS):
            self.report(f"scrolls sideways because of {', '.join(found)}")
        wanted = {"en": "en", "zh-hans": "zh-Hans"}[self.language]
        if (tag := self.page.locator("html").get_attribute("lang") or "").lower() != wanted.lower():
            self.report(f'is marked lang="{tag}"')
        texts, labels, names = self.page.evaluate(TEXTS)
        named = sorted({str(name) for name in names} - {""}, key=len, reverse=True)
        unnamed = (reduce(lambda text, name: text.replace(name, ""), named, label) for label in labels)
        for text in dict.fromkeys([*texts, *unnamed]):
            if foreign := foreign_words(text, self.language):
                self.report(f"not translated: {text[:80]!r} ({', '.join(foreign[:5])})")

    def check_accessibility(self, rules: list[str] | None = None, *, but: tuple[str, ...] = ()) -> None:
        """Everything axe-core finds, or these rules, or all but some. It is put in from outside, so the page's own
        policy does not stop it."""
        self.page.evaluate(AXE)
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": AXE_RULES}
        left_out = {rule: {"enabled": False} for rule in but}
        context = {"include": [["html"]], "exclude": [[part] for part in SHELL] if self._shell_is_known else []}
        self._shell_is_known = True
        found = self.page.evaluate(
            FINDINGS, [context, {"runOnly": only, "rules": left_out, "resultTypes": ["violations"]}]
        )
        for violation in found:
            self.report(f"axe {violation[:500]}")

    def picture(self, path: Path) -> None:
        self.page.screenshot(path=path, full_page=True, animations="disabled")


def foreign_words(text: str, language: str) -> list[str]:
    """The words of `text` that belong to the other language."""
    text = LANGUAGE_NAMES.sub("", ADDRESS.sub("", ZONE.sub("", text)))
    if language == "en":
        return HAN.findall(text)
    return [word for word in LATIN.findall(text) if word not in SAME_IN_CHINESE]


def pages(who: str, things: dict[str, object]) -> Iterator[tuple[str, str, int]]:
    """Name, address and expected status of every page for one person of the cast."""
    for name, route in ROUTES.items():
        if route.page:
            address = reverse(name, kwargs={kwarg: things[thing] for kwarg, thing in route.args.items()})
            yield name.replace(":", "-"), address + route.query, route.get[WHO.index(who)]


def fail_on(problems: list[str]) -> None:
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(dict.fromkeys(problems))
