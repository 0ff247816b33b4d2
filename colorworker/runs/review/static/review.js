"use strict";
// The review page. Nothing here trusts the server's strings: they only ever become text.
const $ = (id) => document.getElementById(id);
const state = { items: [], total: 0, offset: 0, item: null, frame: 0, hints: {}, painting: false, dirty: false, stroke: null, shown: 0, url: null, scale: 1 };

async function ask(path, sent) {
  const options = sent === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(sent) };
  const answer = await fetch(path, options);
  if (!answer.ok) {
    let text = `The server answered ${answer.status}.`;
    try { text = (await answer.json()).error || text; } catch { /* no JSON */ }
    const error = new Error(text);
    error.status = answer.status;
    throw error;
  }
  return answer;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function outcomeText(item) {
  if (item.outcome === "failed") return "failed";
  if (item.outcome === "skipped") return "skipped";
  const parts = [item.verdict];
  if (item.hinted) parts.push(`${item.hinted} ${item.hinted === 1 ? "hint" : "hints"}`);
  if (item.warned || item.problem) parts.push("warning");
  return parts.join(", ");
}

async function load(more) {
  state.offset = more ? state.items.length : 0;
  const query = new URLSearchParams({ filter: $("filter").value, text: $("search").value, offset: state.offset });
  let found;
  try { found = await (await ask(`/api/items?${query}`)).json(); } catch (error) { $("total").textContent = error.message; return; }
  $("destination").textContent = found.destination;
  if (!$("author").value) $("author").value = localStorage.getItem("author") || found.author;
  for (const option of $("filter").options) option.textContent = `${option.textContent.replace(/ \(.*$/, "")} (${found.counts[option.value]})`;
  state.items = more ? state.items.concat(found.items) : found.items;
  state.total = found.total;
  $("total").textContent = found.total ? "" : "Nothing matches.";
  if (!more) $("items").replaceChildren();
  for (const item of found.items) $("items").append(row(item));
  $("more").hidden = state.items.length >= found.total;
}

function row(item) {
  const line = element("li");
  const button = element("button");
  button.dataset.id = item.id;
  if (item.pictures) {
    const picture = element("img");
    picture.src = `/media/${item.id}/thumbnail`;
    picture.alt = "";
    picture.loading = "lazy";
    button.append(picture);
  } else button.append(element("span", "", "blank"));
  const words = element("span");
  words.append(element("b", item.key), element("span", outcomeText(item), `note ${item.outcome === "failed" ? "failed" : item.verdict}`));
  button.append(words);
  button.onclick = () => choose(item.id);
  line.append(button);
  return line;
}

function refreshRow(item) {
  const index = state.items.findIndex((each) => each.id === item.id);
  if (index < 0) return;
  state.items[index] = item;
  const old = $("items").querySelector(`button[data-id="${item.id}"]`);
  const made = row(item);
  made.firstChild.setAttribute("aria-current", String(state.item && state.item.id === item.id));
  if (old) old.parentNode.replaceWith(made);
}

async function choose(id) {
  if (state.dirty && !confirm("Leave without saving?")) return;
  state.dirty = false;
  let item;
  try { item = await (await ask(`/api/items/${id}`)).json(); } catch (error) { $("nothing").textContent = error.message; return; }
  for (const button of $("items").querySelectorAll("button")) button.setAttribute("aria-current", String(button.dataset.id === id));
  state.frame = 0;
  setPainting(false);
  show(item, true);
  document.body.classList.add("open");
  $("stage").focus({ preventScroll: true });
}

function show(item, fresh) {
  state.item = item;
  state.hints = structuredClone(item.hints);
  $("nothing").hidden = true;
  $("item").hidden = false;
  $("name").textContent = item.key;
  const size = item.width ? `${item.width} × ${item.height} pixels. ` : "";
  const who = item.saved_at ? `Saved by ${item.author || "somebody"} at ${item.saved_at}.` : "Not reviewed yet.";
  $("state").textContent = `${size}${who}`;
  const troubles = [item.problem, item.error, item.picture_problem, ...item.warnings].filter(Boolean);
  $("trouble").hidden = !troubles.length;
  $("trouble").textContent = troubles.join(" ");
  $("comment").value = item.comment;
  variants();
  press("accept", item.verdict === "accepted");
  press("reject", item.verdict === "rejected");
  $("saved").textContent = "";
  const usable = item.outcome === "succeeded" && !item.picture_problem;
  for (const id of ["compare", "slider-row", "variants"]) $(id).hidden = !usable;
  $("painting").hidden = !usable || item.kind === "film";
  $("film").hidden = item.kind !== "film" || !usable;
  if (usable && fresh) {
    if (item.kind === "film") shots(item);
    pictures();
  } else if (usable) draw();
}

for (let number = 0; number <= 5; number++) {
  const button = element("button", number ? `Variant ${number}` : "Likeliest");
  button.onclick = () => { if (!state.item) return; state.item.variant = number; variants(); changed(); };
  $("variants").append(button);
}

function variants() {
  $("variants").querySelectorAll("button").forEach((button, number) => button.setAttribute("aria-pressed", String(number === state.item.variant)));
}

function press(id, on) { $(id).setAttribute("aria-pressed", String(on)); }
function pressed(id) { return $(id).getAttribute("aria-pressed") === "true"; }
function frameKey() { return state.item.kind === "film" ? String(state.frame) : ""; }
function hintsHere() { return (state.hints[frameKey()] ||= []); }

function pictures() {
  const { id, width, height } = state.item;
  const query = state.item.kind === "film" ? `?frame=${state.frame}` : "";
  for (const [name, which] of [["before", "source"], ["after", "output"]]) {
    $(name).width = width;
    $(name).height = height;
    $(name).alt = which === "source" ? "The source, gray" : "The result, in color";
    $(name).src = `/media/${id}/${which}.jpg${query}`;
  }
  // The canvas is at most 2,000 pixels wide or high; hints are in pixels of the full-size picture.
  state.scale = Math.min(1, 2000 / Math.max(width, height));
  $("paint").width = Math.round(width * state.scale);
  $("paint").height = Math.round(height * state.scale);
  slide();
  draw();
  if (hintsHere().length) preview();
}

function slide() {
  const share = $("slider").value / 10;
  $("before").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  $("handle").style.left = `${share}%`;
}

function shots(item) {
  const strip = $("shots");
  strip.replaceChildren();
  const last = item.shots[item.shots.length - 1];
  const frames = last ? last.frame + last.frames : 1;
  $("frame").max = Math.max(0, frames - 1);
  $("frame").value = 0;
  $("frame-number").textContent = "0";
  $("play").hidden = !item.playable;
  $("video").hidden = true;
  $("video").removeAttribute("src");
  const sheet = item.sheet && new Image();
  const drawn = [];
  for (const shot of item.shots) {
    const line = element("li");
    const button = element("button");
    if (sheet) {
      const picture = element("canvas");
      picture.width = item.sheet.width;
      picture.height = item.sheet.height;
      button.append(picture);
      drawn.push(picture);
    }
    button.append(element("span", `${shot.number}: frame ${shot.frame}`));
    button.onclick = () => seek(shot.frame + (shot.transition === "dissolve" ? Math.min(12, shot.frames - 1) : 0));
    line.append(button);
    strip.append(line);
  }
  if (!sheet) return;
  sheet.onload = () => drawn.forEach((picture, index) => {
    const { width, height, columns } = item.sheet;
    picture.getContext("2d").drawImage(sheet, -(index % columns) * width, -Math.floor(index / columns) * height);
  });
  sheet.src = `/media/${item.id}/shots`;
}

function seek(frame) {
  state.frame = Math.max(0, Math.min(Number($("frame").max), frame));
  $("frame").value = state.frame;
  $("frame-number").textContent = String(state.frame);
  pictures();
}

function seekShot(step) {
  const all = state.item.shots;
  const now = all.filter((shot) => shot.frame <= state.frame).length - 1;
  const next = all[Math.max(0, Math.min(all.length - 1, now + step))];
  if (next) seek(next.frame);
}

function setPainting(on) {
  state.painting = on;
  press("painting", on);
  $("paint-tools").hidden = !on;
  $("paint").hidden = !on;
  $("compare").classList.toggle("painting", on);
  if (on) draw();
}

function draw() {
  const context = $("paint").getContext("2d");
  const scale = state.scale;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, $("paint").width, $("paint").height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const width = Math.max(1, $("paint").width / 600) / scale;
  for (const hint of hintsHere()) {
    const color = hint.color === "gray" ? "#808080" : hint.color;
    const points = hint.points || [[hint.x, hint.y]];
    for (const [outline, style] of [[2 * width, "#ffffff"], [0, color]]) {
      context.beginPath();
      context.lineCap = context.lineJoin = "round";
      context.strokeStyle = style;
      context.lineWidth = 2 * hint.radius + outline;
      context.moveTo(points[0][0], points[0][1]);
      for (const [x, y] of points) context.lineTo(x + 0.01, y);
      context.stroke();
    }
  }
}

function place(event) {
  const box = $("paint").getBoundingClientRect();
  const { width, height } = state.item;
  const x = Math.floor((event.clientX - box.left) / box.width * width);
  const y = Math.floor((event.clientY - box.top) / box.height * height);
  return [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(height - 1, y))];
}

function pixelsPerPoint() { return Math.max(1, state.item.width / $("paint").clientWidth); }

function paintingColor() { return $("gray").getAttribute("aria-pressed") === "true" ? { color: "gray" } : { color: $("color").value }; }

$("paint").onpointerdown = (event) => {
  event.preventDefault();
  $("paint").setPointerCapture(event.pointerId);
  state.stroke = [place(event)];
};
$("paint").onpointermove = (event) => {
  if (!state.stroke) return;
  const [x, y] = place(event);
  const [lastX, lastY] = state.stroke[state.stroke.length - 1];
  if (Math.hypot(x - lastX, y - lastY) > 3 * pixelsPerPoint() && state.stroke.length < 2000) state.stroke.push([x, y]);
};
$("paint").onpointerup = () => {
  if (!state.stroke) return;
  const points = state.stroke;
  state.stroke = null;
  const radius = Math.max(1, Math.round(Number($("radius").value) * pixelsPerPoint()));
  const hint = points.length > 1 ? { points, radius, ...paintingColor() } : { x: points[0][0], y: points[0][1], radius, ...paintingColor() };
  hintsHere().push(hint);
  changed();
  suggest(points[0]);
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
$("paint").onpointercancel = () => { state.stroke = null; };

function changed() {
  state.dirty = true;
  $("saved").textContent = "Not saved yet.";
  draw();
  preview();
}

let waiting = null;
async function preview() {
  if (waiting) { waiting = "again"; return; }
  waiting = "now";
  const { id } = state.item;
  const frame = state.frame;
  const begun = performance.now();
  try {
    const hints = hintsHere();
    if (hints.length || state.shown || state.item.variant) {
      $("busy").textContent = "Coloring …";
      const answer = await ask(`/api/items/${id}/preview`, { frame, hints, variant: state.item.variant });
      const picture = await answer.blob();
      if (state.item.id === id && state.frame === frame) {
        if (state.url) URL.revokeObjectURL(state.url);
        state.url = URL.createObjectURL(picture);
        $("after").src = state.url;
        await $("after").decode().catch(() => {});
        state.shown = hints.length || state.item.variant;
        $("busy").textContent = `Preview at a reduced size, ${Math.round(performance.now() - begun)} ms. The next run colors it at full size.`;
        document.body.dataset.previewMs = String(Math.round(performance.now() - begun));
      }
    }
  } catch (error) { $("busy").textContent = error.message; }
  const again = waiting === "again";
  waiting = null;
  if (again) preview();
}

async function suggest([x, y]) {
  $("suggestions").replaceChildren();
  let found;
  try { found = await (await ask(`/api/items/${state.item.id}/suggest?x=${x}&y=${y}&frame=${state.frame}`)).json(); } catch (error) { $("suggest-note").textContent = error.message; return; }
  $("suggest-note").textContent = "Likely colors at the last point:";
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

async function save(verdict) {
  const { id, version, variant } = state.item;
  const chosen = verdict || (pressed("accept") ? "accepted" : pressed("reject") ? "rejected" : "unreviewed");
  localStorage.setItem("author", $("author").value);
  const sent = { verdict: chosen, comment: $("comment").value, hints: state.hints, variant, version, author: $("author").value };
  try {
    const item = await (await ask(`/api/items/${id}/review`, sent)).json();
    state.dirty = false;
    if (state.item.id === id) show(item, false);
    refreshRow(item);
    $("saved").textContent = "Saved.";
    return true;
  } catch (error) {
    $("saved").textContent = error.message;
    return false;
  }
}

async function decide(verdict) {
  const again = pressed(verdict === "accepted" ? "accept" : "reject");
  if (await save(again ? "unreviewed" : verdict) && !again) step(1);
}

function step(by) {
  const index = state.items.findIndex((item) => state.item && item.id === state.item.id);
  const next = state.items[index < 0 ? 0 : index + by];
  if (next) {
    choose(next.id);
    $("items").querySelector(`button[data-id="${next.id}"]`).scrollIntoView({ block: "nearest" });
  }
}

$("filter").onchange = () => load(false);
let typing;
$("search").oninput = () => { clearTimeout(typing); typing = setTimeout(() => load(false), 200); };
$("more").onclick = () => load(true);
$("slider").oninput = slide;
$("frame").oninput = () => { $("frame-number").textContent = $("frame").value; };
$("frame").onchange = () => seek(Number($("frame").value));
$("back").onclick = () => { if (!state.dirty || confirm("Leave without saving?")) { state.dirty = false; document.body.classList.remove("open"); } };
$("accept").onclick = () => decide("accepted");
$("reject").onclick = () => decide("rejected");
$("painting").onclick = () => setPainting(!state.painting);
$("gray").onclick = () => press("gray", !pressed("gray"));
$("color").oninput = () => press("gray", false);
$("undo").onclick = () => { if (hintsHere().pop()) changed(); };
$("clear").onclick = () => { if (hintsHere().length) { state.hints[frameKey()] = []; changed(); } };
$("comment").oninput = () => { state.dirty = true; $("saved").textContent = "Not saved yet."; };
$("save").onclick = () => save();
$("play").onclick = () => { $("video").hidden = false; $("video").src ||= `/media/${state.item.id}/film`; $("video").play(); };
addEventListener("beforeunload", (event) => { if (state.dirty) event.preventDefault(); });
addEventListener("keydown", (event) => {
  const typingIn = event.target.matches("input:not([type=range]):not([type=color]), textarea, select");
  if (event.key === "Escape") { if (typingIn) event.target.blur(); else if (state.painting) setPainting(false); return; }
  if (typingIn || event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  const open = state.item && !$("item").hidden;
  const actions = {
    j: () => step(1), k: () => step(-1), "/": () => $("search").focus(), "?": () => $("keys").showModal(),
    ...(open && {
      a: () => decide("accepted"), r: () => decide("rejected"), p: () => $("painting").hidden || setPainting(!state.painting), u: () => $("undo").click(), c: () => $("comment").focus(), s: () => save(),
      ArrowLeft: () => event.shiftKey && state.item.kind === "film" ? seekShot(-1) : nudge(-50), ArrowRight: () => event.shiftKey && state.item.kind === "film" ? seekShot(1) : nudge(50),
    }),
  };
  if (open && event.key >= "0" && event.key <= "5") { $("variants").querySelectorAll("button")[Number(event.key)].click(); return; }
  const action = actions[event.key];
  if (action && !(event.target.matches("input[type=range]") && event.key.startsWith("Arrow"))) { event.preventDefault(); action(); }
});
function nudge(by) { $("slider").value = Number($("slider").value) + by; slide(); }
load(false);
