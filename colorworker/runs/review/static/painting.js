"use strict";
// Painting hints, previews of them, likely colors, and alternative colors.

function frameKey() { return state.item.kind === "film" ? String(state.frame) : ""; }
function hintsHere() { return (state.edit.hints[frameKey()] ||= []); }
function variantHere() {
  const shot = state.item.kind === "film" && shotHere();
  const own = shot && state.edit.shotVariants.find((each) => each[0] === shot.start_ms);
  return own ? own[2] : state.edit.variant;
}
function correctedHere() { return Boolean(hintsHere().length || variantHere() || state.edit.references[frameKey()]); }

function setPainting(on) {
  state.painting = on;
  press("painting", on);
  $("paint-tools").hidden = !on;
  $("paint").hidden = !on;
  $("compare").classList.toggle("painting", on);
  if (!on) return;
  prepare();
  $("suggestions").replaceChildren();
  $("suggest-note").textContent = "After each point, the likely colors there appear here.";
  draw();
}

// The server decodes the picture and the network sees it before the first stroke is drawn.
async function prepare() {
  const { item, frame } = state;
  try {
    await ask(`/api/items/${item.id}/preview`, { frame, hints: [], side: 16 });
    await ask(`/api/items/${item.id}/suggest?x=0&y=0&frame=${frame}`);
  } catch (error) { if (state.item === item) $("suggest-note").textContent = error.message; }
}

function draw() {
  const context = $("paint").getContext("2d");
  const scale = state.scale;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, $("paint").width, $("paint").height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const width = Math.max(1, $("paint").width / 600) / scale;
  const trace = (points) => {
    context.beginPath();
    context.lineCap = context.lineJoin = "round";
    context.moveTo(points[0][0], points[0][1]);
    for (const [x, y] of points) context.lineTo(x + 0.01, y);
  };
  const unfinished = state.stroke ? [{ points: state.stroke, radius: radius(), ...paintingColor() }] : [];
  for (const hint of [...hintsHere(), ...unfinished]) {
    const color = hint.color === "gray" ? "#808080" : hint.color;
    for (const [outline, style] of [[2 * width, "#ffffff"], [0, color]]) {
      trace(hint.points || [[hint.x, hint.y]]);
      context.strokeStyle = style;
      context.lineWidth = 2 * hint.radius + outline;
      context.stroke();
    }
  }
  if (!state.cross) return;
  const [x, y] = state.cross;
  const arm = 14 * pixelsPerPoint();
  for (const [line, style] of [[3, "#ffffff"], [1, "#000000"]]) {
    context.lineWidth = line * pixelsPerPoint();
    context.strokeStyle = style;
    for (const [dx, dy] of [[arm, 0], [0, arm]]) {
      context.beginPath();
      context.moveTo(x - dx, y - dy);
      context.lineTo(x + dx, y + dy);
      context.stroke();
    }
  }
}

function place(event) {
  const box = $("paint").getBoundingClientRect();
  const { width, height } = state.item;
  return inside((event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height);
}

function inside(x, y) {
  const { width, height } = state.item;
  return [Math.max(0, Math.min(width - 1, Math.floor(x))), Math.max(0, Math.min(height - 1, Math.floor(y)))];
}

function pixelsPerPoint() { return Math.max(1, state.item.width / ($("paint").clientWidth || 1)); }
function radius() { return Math.max(1, Math.round(Number($("radius").value) * pixelsPerPoint())); }
function paintingColor() { return { color: pressed("gray") ? "gray" : $("color").value }; }

function add(points) {
  const hint = points.length > 1 ? { points } : { x: points[0][0], y: points[0][1] };
  hintsHere().push({ ...hint, radius: radius(), ...paintingColor() });
  changed().then(() => suggest(points[0]));
}

$("paint").onpointerdown = (event) => {
  if (event.button) return;
  $("paint").setPointerCapture(event.pointerId);
  state.cross = null;
  state.stroke = [place(event)];
};
$("paint").onpointermove = (event) => {
  if (!state.stroke) return;
  const [x, y] = place(event);
  const [lastX, lastY] = state.stroke[state.stroke.length - 1];
  if (Math.hypot(x - lastX, y - lastY) > 3 * pixelsPerPoint() && state.stroke.length < 2000) state.stroke.push([x, y]);
  draw();
};
$("paint").onpointerup = () => {
  const points = state.stroke;
  state.stroke = null;
  if (points) add(points);
};
$("paint").onpointercancel = () => { state.stroke = null; draw(); };
$("paint").onkeydown = (event) => {
  const { width, height } = state.item;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = moves[event.key];
  if (move) {
    const by = (event.shiftKey ? 1 : 12) * pixelsPerPoint();
    const [x, y] = state.cross || [width / 2, height / 2];
    state.cross = inside(x + move[0] * by, y + move[1] * by);
  } else if (event.key === "Enter" && !state.stroke) add([state.cross || inside(width / 2, height / 2)]);
  else return;
  event.preventDefault();
  event.stopPropagation();
  draw();
};
// Outside of painting, dragging on the picture moves the border between gray and color.
for (const name of ["pointerdown", "pointermove"]) {
  $("compare").addEventListener(name, (event) => {
    if (state.painting || event.buttons !== 1) return;
    event.preventDefault();
    const box = $("compare").getBoundingClientRect();
    $("slider").value = Math.round((event.clientX - box.left) / box.width * 1000);
    slide();
  });
}

let waiting = null;
async function preview() {
  if (waiting) { waiting = "again"; return; }
  waiting = "now";
  const { id } = state.item;
  const frame = state.frame;
  const begun = performance.now();
  try {
    if (correctedHere()) {
      tell("Coloring …");
      const sent = { frame, hints: hintsHere(), variant: variantHere(), reference: state.edit.references[frameKey()] || "" };
      const picture = await (await ask(`/api/items/${id}/preview`, sent)).blob();
      if (state.item.id === id && state.frame === frame) {
        if (state.url) URL.revokeObjectURL(state.url);
        state.url = URL.createObjectURL(picture);
        $("after").src = state.url;
        await $("after").decode().catch(() => {});
        state.previewing = true;
        document.body.dataset.previewMs = String(Math.round(performance.now() - begun));
        tell(previewText());
      }
    } else if (state.previewing) {
      state.previewing = false;
      $("after").src = `/media/${id}/output.jpg${state.item.kind === "film" ? `?frame=${frame}` : ""}`;
      tell("");
    }
  } catch (error) { tell(error.message, true); }
  const again = waiting === "again";
  waiting = null;
  if (again) preview();
}

function previewText() {
  const film = state.item.kind === "film" ? " It shows this frame alone, without corrections of other frames and without colors that follow the motion." : "";
  return `Preview at a reduced size, ${document.body.dataset.previewMs} ms.${film}`;
}

async function suggest([x, y]) {
  $("suggestions").replaceChildren();
  $("suggest-note").textContent = "Looking for likely colors …";
  let found;
  try { found = await (await ask(`/api/items/${state.item.id}/suggest?x=${x}&y=${y}&frame=${state.frame}`)).json(); } catch (error) { $("suggest-note").textContent = error.message; return; }
  $("suggest-note").textContent = "Likely colors at the last point; choose one to use it there:";
  for (const each of found.colors) {
    const button = element("button");
    const swatch = element("canvas");
    swatch.width = 44;
    swatch.height = 28;
    const context = swatch.getContext("2d");
    context.fillStyle = each.color;
    context.fillRect(0, 0, 44, 28);
    button.append(swatch, element("span", `${Math.round(each.probability * 100)} %`));
    button.setAttribute("aria-label", `${each.color}, ${Math.round(each.probability * 100)} percent`);
    button.onclick = () => {
      press("gray", false);
      $("color").value = each.color;
      const hints = hintsHere();
      const last = hints[hints.length - 1];
      if (last) { last.color = each.color; changed(); }
    };
    $("suggestions").append(button);
  }
}

// Alternative colors: small previews to choose from.
const MOST_VARIANTS = 12;
let opened = 0;

function openVariants() {
  const film = state.item.kind === "film";
  $("variants-reach").hidden = !film;
  $("variants-note").textContent = film ? `Frame ${state.frame}, shot ${shotHere().number}. Each alternative shifts colors where the network holds others possible.` : "Each alternative shifts colors where the network holds others possible. 0 is the likeliest.";
  if (state.edit.references[frameKey()]) $("variants-note").textContent += " On this frame, the colored picture covers them.";
  $("variant-tiles").replaceChildren();
  $("more-variants").hidden = false;
  if (!$("variants").open) $("variants").showModal();
  tiles(0, 8);
}

async function tiles(first, last) {
  const asked = ++opened;
  const sent = { frame: state.frame, hints: hintsHere(), reference: state.edit.references[frameKey()] || "", side: 320 };
  for (let number = first; number <= last; number++) {
    const tile = element("button");
    const picture = element("img");
    picture.alt = "";
    picture.width = state.item.width;
    picture.height = state.item.height;
    tile.append(picture, element("span", number ? String(number) : "0, likeliest"));
    tile.setAttribute("aria-pressed", String(number === variantHere()));
    tile.onclick = () => chooseVariant(number);
    $("variant-tiles").append(tile);
  }
  for (let number = first; number <= last && asked === opened && $("variants").open; number++) {
    try {
      const blob = await (await ask(`/api/items/${state.item.id}/preview`, { ...sent, variant: number })).blob();
      const picture = $("variant-tiles").children[number].firstChild;
      picture.onload = () => URL.revokeObjectURL(picture.src);
      picture.src = URL.createObjectURL(blob);
    } catch (error) { $("variants-note").textContent = error.message; return; }
  }
}

function chooseVariant(number) {
  const shot = state.item.kind === "film" && document.querySelector("input[name=reach]:checked").value === "shot" && shotHere();
  if (shot) {
    const others = state.edit.shotVariants.filter((each) => each[0] !== shot.start_ms);
    // A shot with the film's own variant needs none of its own.
    state.edit.shotVariants = number === state.edit.variant ? others : [...others, [shot.start_ms, shot.end_ms, number]];
  } else state.edit.variant = number;
  $("variants").close();
  changed();
}

$("painting").onclick = () => setPainting(!state.painting);
$("gray").onclick = () => press("gray", !pressed("gray"));
$("color").oninput = () => press("gray", false);
$("undo").onclick = () => { if (hintsHere().pop()) changed(); };
$("clear").onclick = () => { if (hintsHere().length) { state.edit.hints[frameKey()] = []; changed(); } };
$("choosing").onclick = openVariants;
$("more-variants").onclick = () => { $("more-variants").hidden = true; tiles(9, MOST_VARIANTS); };
