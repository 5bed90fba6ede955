"""The page's style sheet and its script: no page of ours has another one."""

from commands.report.style import STYLE as REPORT

OWN = """
.planes{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,560px),1fr));gap:12px 32px}
.planes h2{border:0;margin:20px 0 4px;overflow-wrap:anywhere}
.views{display:grid;grid-template-columns:1fr 1fr;gap:0 12px;align-items:start}
.views>*{min-width:0}
.ends{grid-column:2}
.here,.map{position:relative;touch-action:none;cursor:crosshair;user-select:none;-webkit-user-select:none;
background:var(--panel)}
canvas{display:block;width:100%;height:auto}
.fine canvas{image-rendering:pixelated}
.sharp{image-rendering:pixelated}
.spot{position:absolute;pointer-events:none;outline:2px solid #fff;box-shadow:0 0 0 4px #000}
.ends{display:flex;justify-content:space-between;gap:8px;color:var(--dim);font-size:.9rem;min-height:1.5em}
output{display:block;font-size:.9rem;min-height:1.5em;
font-variant-numeric:tabular-nums}
@media (max-width:480px){output{min-height:3em}}
label{display:grid;grid-template-columns:4.5em 1fr;align-items:center;font-size:.9rem;color:var(--dim);min-height:32px}
input{width:100%;min-width:0;margin:0;accent-color:var(--link)}
input:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.script .still,html:not(.script) .planes{display:none}
"""
STYLE = REPORT + OWN.replace("\n", "")

SCRIPT = """
(() => {
  const sprite = document.getElementById("sprite");
  const {width, height, cell_width, cell_height} = JSON.parse(document.querySelector("main").dataset.sheet);

  const setUp = section => {
    const {top, columns, rows} = JSON.parse(section.dataset.plane);
    const find = selector => section.querySelector(selector);
    const [here, map, spot, told] = [".here", ".map", ".spot", "output"].map(find);
    const [across, down] = section.querySelectorAll("input");
    const draw = (canvas, column, row, x, y) => canvas.getContext("2d").drawImage(
      sprite, column * cell_width, top + row * cell_height, width, height, x, y, width, height);

    const show = () => {
      const column = Number(across.value), row = Number(down.value);
      draw(here.querySelector("canvas"), column, row, 0, 0);
      spot.style.left = 100 * column / columns.length + "%";
      spot.style.top = 100 * row / rows.length + "%";
      across.setAttribute("aria-valuetext", columns[column]);
      down.setAttribute("aria-valuetext", rows[row]);
      told.textContent = columns[column] + ", " + rows[row];
    };
    const go = (column, row) => {
      across.value = column;  // a range keeps within its ends
      down.value = row;
      show();
    };

    const follow = event => {
      const box = event.currentTarget.getBoundingClientRect();
      go(Math.floor((event.clientX - box.left) / box.width * columns.length),
         Math.floor((event.clientY - box.top) / box.height * rows.length));
    };
    for (const area of [here, map]) {
      area.addEventListener("pointerdown", event => {
        if (event.button) return;
        area.setPointerCapture(event.pointerId);
        follow(event);
      });
      area.addEventListener("pointermove", event => { if (event.buttons & 1) follow(event); });
    }

    const moves = {
      ArrowLeft: (column, row) => [column - 1, row], ArrowRight: (column, row) => [column + 1, row],
      ArrowUp: (column, row) => [column, row - 1], ArrowDown: (column, row) => [column, row + 1],
      Home: (column, row) => [0, row], End: (column, row) => [columns.length - 1, row],
      PageUp: (column, row) => [column, 0], PageDown: (column, row) => [column, rows.length - 1],
    };
    here.addEventListener("keydown", event => {
      const move = moves[event.key];
      if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      go(...move(Number(across.value), Number(down.value)));
    });
    for (const each of [across, down]) each.addEventListener("input", show);

    const whole = map.querySelector("canvas");
    rows.forEach((_, row) => columns.forEach((_, column) => draw(whole, column, row, column * width, row * height)));
    spot.style.width = 100 / columns.length + "%";
    spot.style.height = 100 / rows.length + "%";
    go(Math.floor(columns.length / 2), Math.floor(rows.length / 2));
  };

  sprite.decode().then(() => {
    document.querySelectorAll(".plane").forEach(setUp);
    document.documentElement.className = "script";
    document.querySelector("details").open = false;
  });
})();
"""
