"""A real browser for tests: found on PATH, run headless, without network, and asked for what it laid out.

``measure`` puts a script at the end of a page that measures the drawn page, and reads its answer from the
DOM that the browser prints; what the browser complains about on its console comes back as well.
Where there is no browser the tests say so and are skipped, unless DIFFKIT_BROWSER=required: then
they fail (continuous integration, which installs one, asks for that).
"""

import json
import os
import re
import shutil
import subprocess
import urllib.parse

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell",
         "chrome-headless-shell", "microsoft-edge")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0")

SCRIPT = """
<script>
const outside = [], overlaps = [], wide = [], flat = [];
const close = (a, b) => !(a.right <= b.left + 0.5 || b.right <= a.left + 0.5 || a.bottom <= b.top + 1.5
                          || b.bottom <= a.top + 1.5);
for (const svg of document.querySelectorAll("svg")) {
  const frame = svg.getBoundingClientRect();
  if (frame.width < 50 || frame.height < 30) flat.push(svg.getAttribute("class"));
  const texts = [...svg.querySelectorAll("text")].map(t => [t, t.getBoundingClientRect()]);
  for (const [t, box] of texts) {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
        || box.bottom > frame.bottom + 1)
      outside.push(t.textContent);
    const own = t.parentNode.querySelector(":scope > rect");
    if (own && (box.left < own.getBoundingClientRect().left || box.right > own.getBoundingClientRect().right))
      wide.push(t.textContent);
    for (const [other, place] of texts)
      if (other !== t && close(box, place)) overlaps.push(t.textContent + " / " + other.textContent);
  }
}
const maths = [...document.querySelectorAll("math")];
const seen = {
  outside, overlaps, wide, flat, charts: document.querySelectorAll("svg").length, maths: maths.length,
  drawn: maths.filter(m => m.namespaceURI.endsWith("MathML") && m.getBoundingClientRect().height > 8).length,
  over: document.documentElement.scrollWidth - window.innerWidth, width: window.innerWidth,
  background: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.querySelector(".diffkit h1") || document.body).color,
  open: document.querySelectorAll("details[open]").length,
  tones: [...document.querySelectorAll(".verdict b")].map(b => getComputedStyle(b).color),
  blamed: [...document.querySelectorAll(".node.blamed rect")].map(r => getComputedStyle(r).stroke),
  text: document.body.innerText,
};
document.documentElement.setAttribute("data-measured", encodeURIComponent(JSON.stringify(seen)));
</script>
"""


def browser():
    """The path of a browser; skips the test where there is none, and fails where one is required."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        said = f"no browser on PATH ({', '.join(NAMES[:3])}, …): the page was not opened in one"
        if os.environ.get("DIFFKIT_BROWSER") == "required":
            pytest.fail(said)
        pytest.skip(said)
    return found


def measure(page, folder, width=1180, dark=False):
    """What the browser laid out, as a dict, and its console's lines."""
    file = folder / "page.html"
    file.write_text(page.replace("</body>", SCRIPT + "</body>"), encoding="utf-8")
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run([browser(), *FLAGS, *scheme, f"--user-data-dir={folder / 'profile'}",
                           f"--window-size={width},900", "--dump-dom", file.as_uri()],
                          capture_output=True, text=True, timeout=120)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r'data-measured="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return json.loads(urllib.parse.unquote(found[1])), console
