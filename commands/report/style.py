"""The page's style sheet: in light and dark, narrow and wide, and on paper."""

STYLE = """
:root{color-scheme:light dark;--back:#fff;--fore:#1c1c1c;--dim:#5b5b5b;--rule:#d9d9d9;--panel:#f5f5f5;--link:#0b57a4;
--c0:#0067a5;--c1:#b84a00;--c2:#00795c;--c3:#a3307e;--c4:#6d5a00;--c5:#5b4bb5;--c6:#a11d2b;--c7:#4a4a4a}
@media (prefers-color-scheme:dark){:root{--back:#15171a;--fore:#e8e8e8;--dim:#a9adb3;--rule:#3a3e44;--panel:#1f2226;
--link:#7cb7ff;--c0:#5cb3f5;--c1:#ff9a4d;--c2:#3fd0a4;--c3:#f28bd0;--c4:#e3c84a;--c5:#b3a6ff;--c6:#ff8b8f;--c7:#c9c9c9}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--fore);font:16px/1.5 system-ui,sans-serif}
header,main,footer{max-width:1400px;margin:0 auto;padding:0 16px}
h1{font-size:1.6rem;line-height:1.25;margin:24px 0 8px;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:36px 0 8px;padding-top:8px;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:20px 0 6px;overflow-wrap:anywhere}
p{margin:6px 0;max-width:75ch}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999px}
.skip:focus{position:static}
nav a{display:inline-block;padding:4px 12px 4px 0}
.dim,figcaption{color:var(--dim)}
figcaption strong{color:var(--fore)}
.note{border-left:4px solid var(--c1);padding-left:10px;overflow-wrap:anywhere}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--dim);padding:4px 0}
th,td{text-align:left;vertical-align:top;padding:5px 14px 5px 0;border-bottom:1px solid var(--rule)}
thead th{border-bottom:2px solid var(--rule)}
td{min-width:6rem;max-width:30rem;overflow-wrap:break-word}
tbody th{position:sticky;left:0;background:var(--back);min-width:min(17rem,38vw);overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap}
pre{background:var(--panel);padding:10px 12px;margin:6px 0;
white-space:pre-wrap;overflow-wrap:anywhere;border-radius:4px}
code,pre{font:14px/1.45 ui-monospace,monospace}
summary{cursor:pointer;padding:6px 0}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:16px}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,210px),1fr));gap:14px}
@media (max-width:480px){.pictures{grid-template-columns:1fr 1fr}}
figure{margin:0;min-width:0}
figcaption{font-size:.9rem}
img{display:block;width:100%;height:auto;border:1px solid var(--rule);image-rendering:auto}
svg{display:block;width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--dim)}
@media (max-width:480px){svg text{font-size:15px}}
svg .x{text-anchor:middle}
svg .y{text-anchor:end;dominant-baseline:central}
svg .end{font-weight:700;dominant-baseline:central;fill:var(--c)}
.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--dim);stroke-width:1;fill:none}
.line{stroke:var(--c);stroke-width:2;fill:none;stroke-linejoin:round}
.dots{stroke:var(--c);stroke-width:5;stroke-linecap:round;fill:none;stroke-dasharray:none}
.best{stroke:var(--c);stroke-width:2;fill:none}
.mark{font-weight:700;color:var(--c)}
.s0{--c:var(--c0)}.s1{--c:var(--c1)}.s2{--c:var(--c2)}.s3{--c:var(--c3)}
.s4{--c:var(--c4)}.s5{--c:var(--c5)}.s6{--c:var(--c6)}.s7{--c:var(--c7)}
.line.s1{stroke-dasharray:7 3}.line.s2{stroke-dasharray:2 3}.line.s3{stroke-dasharray:9 3 2 3}
.line.s5{stroke-dasharray:12 4}.line.s6{stroke-dasharray:4 4}.line.s7{stroke-dasharray:1 4}
@media print{.skip,nav{display:none}}
""".replace("\n", "")
