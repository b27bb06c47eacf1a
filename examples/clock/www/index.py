# SPDX-License-Identifier: Apache-2.0
"""The page around the stream."""

from Http import Header, Write

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Clock</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<h1>Clock</h1>
<p class="lead">One response of ten seconds, shown as it comes.</p>
<div class="panel"><pre id="lines"></pre></div>
<p id="state">It runs.</p>
<script>
  const seconds = new URLSearchParams(location.search).get("seconds") || 10;
  (async () => {
    const answer = await fetch("ticks.py?seconds=" + encodeURIComponent(seconds));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      document.querySelector("#lines").textContent += value;
    }
    document.querySelector("#state").textContent = "It has ended.";
  })();
</script>
"""


def Request() -> None:
    Header("Content-Type: text/html; charset=utf-8")
    Write(PAGE)
