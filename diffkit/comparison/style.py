"""The style sheet of a report: one place for colours, for light, dark and printed pages.

Colours mean something: green is right, red is wrong, amber wants a look; a method keeps the
colour of its family everywhere on the page (table, charts), and whatever is wrong is red and
heavier, so that it is seen without colours as well.
"""

STYLE = """
.diffkit { --right: #1a7f37; --wrong: #cf222e; --open: #9a6700; --line: #d8dee4; --soft: #59636e; --back: #f6f8fa;
  --ink: #1f2328; --paper: #ffffff; --rules: #0969da; --symbolic: #8250df; --numeric: #bc4c00; --user: #0b7285;
  --referee: #59636e; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink);
  max-width: 70rem; }
.diffkit h1 { font-size: 1.3rem; font-weight: 600; line-height: 1.35; margin: 0 0 .2rem; overflow-wrap: anywhere; }
.diffkit h1 .at { font-weight: 400; color: var(--soft); }
.diffkit h2 { font-size: .8rem; font-weight: 600; letter-spacing: .06em; text-transform: uppercase;
  color: var(--soft); margin: 2rem 0 .6rem; }
.diffkit .asked { margin: 0 0 1rem; color: var(--soft); overflow-wrap: anywhere; }
.diffkit .asked b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
.diffkit .verdict { display: flex; gap: .9rem; align-items: baseline; border: 1px solid var(--line);
  border-left: 6px solid var(--tone); border-radius: 6px; background: var(--back); padding: .8rem 1rem;
  margin: 1rem 0; overflow-wrap: anywhere; }
.diffkit .verdict b { color: var(--tone); font-size: 1.05rem; white-space: nowrap; }
.diffkit .right { --tone: var(--right); } .diffkit .wrong { --tone: var(--wrong); }
.diffkit .open { --tone: var(--open); }
.diffkit .wide { overflow-x: auto; }
.diffkit table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; background: none;
  margin: 0; }
.diffkit th, .diffkit td { padding: .35rem .9rem .35rem 0; text-align: right; border: 0;
  border-bottom: 1px solid var(--line); white-space: nowrap; background: none; color: inherit; }
.diffkit tr > :last-child { padding-right: .2rem; }
.diffkit th { color: var(--soft); font-weight: 600; font-size: .85rem; }
.diffkit th:nth-child(-n+2), .diffkit td:nth-child(-n+2) { text-align: left; }
.diffkit td:nth-child(2) { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .88em;
  white-space: pre; }
.diffkit td:first-child::before { content: ""; display: inline-block; width: .6em; height: .6em; border-radius: 50%;
  background: var(--hue, var(--soft)); margin-right: .6em; }
.diffkit tr.bad td { color: var(--wrong); font-weight: 600; } .diffkit tr.idle td { color: var(--soft); }
.diffkit .meter { display: inline-block; width: 3.2rem; height: .45rem; margin-right: .6rem; border-radius: 2px;
  background: var(--line); vertical-align: middle; overflow: hidden; }
.diffkit .kept { display: inline-block; min-width: 2.2em; }
.diffkit .meter i { display: block; height: 100%; background: var(--right); }
.diffkit .meter .few { background: var(--open); } .diffkit .meter .none { background: var(--wrong); }
.diffkit dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: .6rem 0; }
.diffkit dt { color: var(--soft); } .diffkit dd { margin: 0; overflow-wrap: anywhere; }
.diffkit code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .9em; }
.diffkit .math { overflow-x: auto; padding: .15rem 0; } .diffkit math { font-size: 1.1em; }
.diffkit .formulas dl { align-items: center; }
.diffkit .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr));
  gap: 1.2rem; }
.diffkit figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: .8rem .9rem .7rem;
  break-inside: avoid; display: flex; flex-direction: column; justify-content: space-between; }
.diffkit figcaption { font-weight: 600; margin-bottom: .4rem; }
.diffkit figcaption span { font-weight: 400; color: var(--soft); display: block; font-size: .88rem; }
.diffkit figure.broad { grid-column: 1 / -1; }
@media (min-width: 62rem) { .diffkit figure.alone { grid-column: 1 / -1; display: grid;
  grid-template-columns: 2fr 3fr; gap: 2rem; } }
.diffkit .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.diffkit svg { display: block; max-width: 100%; font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; }
.diffkit svg.chart { width: 100%; } .diffkit svg.graph { max-width: none; margin: 0 auto; }
@media (max-width: 34rem) { .diffkit figure { overflow-x: auto; } .diffkit svg.chart { min-width: 29rem; } }
.diffkit svg text { fill: var(--ink); } .diffkit svg .tick, .diffkit svg .label { fill: var(--soft); }
.diffkit svg .tick { font-variant-numeric: tabular-nums; }
.diffkit svg .grid { stroke: var(--line); stroke-width: .7; } .diffkit svg .axis { stroke: var(--soft); }
.diffkit .f-rules { --hue: var(--rules); } .diffkit .f-symbolic { --hue: var(--symbolic); }
.diffkit .f-numeric { --hue: var(--numeric); } .diffkit .f-user { --hue: var(--user); }
.diffkit .f-referee { --hue: var(--referee); } .diffkit .f-order0 { --hue: var(--numeric); }
.diffkit .f-order1 { --hue: var(--rules); } .diffkit .f-order2 { --hue: var(--symbolic); }
.diffkit .bad { --hue: var(--wrong); }
.diffkit svg .line path { fill: none; stroke: var(--hue); stroke-width: 1.6; }
.diffkit svg .line circle, .diffkit svg .dots circle { fill: var(--hue); }
.diffkit svg .line circle:hover, .diffkit svg .dots circle:hover { stroke: var(--ink); stroke-width: 2; }
.diffkit svg .dashed path { stroke-dasharray: 6 4; } .diffkit svg .dotted path { stroke-dasharray: 2 3; }
.diffkit svg .dashed circle, .diffkit svg .dotted circle { fill-opacity: 0; }
.diffkit svg .level { stroke: var(--hue); stroke-width: 1.4; } .diffkit svg .level.bad { stroke-width: 2.4; }
.diffkit svg .end path { fill: none; stroke: var(--hue); stroke-width: .8; opacity: .6; }
.diffkit svg .end text { fill: var(--hue); } .diffkit svg .end.bad text { font-weight: 700; }
.diffkit svg .edge { fill: none; stroke: var(--soft); stroke-width: 1.1; opacity: .7; }
.diffkit svg .edge.blamed { stroke: var(--wrong); opacity: 1; stroke-width: 1.6; }
.diffkit svg .node rect { fill: var(--back); stroke: var(--line); }
.diffkit svg .node:hover rect { stroke: var(--ink); }
.diffkit svg .node text { text-anchor: middle; } .diffkit svg .node .name { font-weight: 600; }
.diffkit svg .node .value { fill: var(--soft); font-size: 10.5px; }
.diffkit svg .input rect { stroke: var(--rules); }
.diffkit svg .result rect { stroke: var(--ink); stroke-width: 1.4; }
.diffkit svg .kink rect { stroke: var(--open); stroke-width: 2.2; } .diffkit svg .kink .name { fill: var(--open); }
.diffkit svg .blamed rect { stroke: var(--wrong); stroke-width: 2.6; }
.diffkit svg .blamed .name { fill: var(--wrong); }
.diffkit dd.right b { color: var(--right); } .diffkit dd.wrong b { color: var(--wrong); }
.diffkit dd.open b { color: var(--open); }
.diffkit footer { color: var(--soft); font-size: .85rem; margin-top: 2rem; border-top: 1px solid var(--line);
  padding-top: .6rem; }
"""

#: What a whole page has besides: margins, a dark version, a printed one.
PAGE_STYLE = """
body { margin: 2rem clamp(1rem, 4vw, 3rem); background: #ffffff; }
.diffkit.page { margin: 0 auto; }
@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3; }
  .diffkit { --right: #3fb950; --wrong: #ff7b72; --open: #d29922; --line: #30363d; --soft: #9198a1; --back: #151b23;
  --ink: #e6edf3; --paper: #0d1117; --rules: #58a6ff; --symbolic: #bc8cff; --numeric: #f0883e; --user: #39c5cf;
  --referee: #9198a1; } }
@media print { body { margin: 0; background: none; } .diffkit { font-size: 10pt; max-width: none; }
  .diffkit .figures { grid-template-columns: 1fr 1fr; } .diffkit figure, .diffkit tr, .diffkit .verdict
  { break-inside: avoid; } .diffkit .wide { overflow: visible; } .diffkit svg.graph { max-width: 100%; } }
"""
