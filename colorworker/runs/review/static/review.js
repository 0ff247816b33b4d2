"use strict";
// The list of items, the shown item, and saving. Nothing here trusts the server's strings: they only
// ever become text. painting.js, films.js and keys.js go on from here.
const $ = (id) => document.getElementById(id);
const state = { items: [], item: null, frame: 0, edit: null, painting: false, dirty: false, stroke: null, previewing: false, url: null, scale: 1 };

async function ask(path, sent) {
  const options = sent === undefined ? {} : sent instanceof Blob ? { method: "POST", body: sent } : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(sent) };
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server does not answer. Is colorworker review still running?"); }
  if (!answer.ok) {
    let text = `The server answered ${answer.status}.`;
    try { text = (await answer.json()).error || text; } catch { /* no JSON */ }
    const error = new Error(text);
    error.status = answer.status;
    throw error;
  }
  return answer;
}

// Long names break behind punctuation, not inside words.
function breakable(node, name) {
  const parts = name.split(/(?<=[/_.-])/);
  node.replaceChildren(...parts.flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part])));
  return node;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function tell(text, failed) {
  $("busy").textContent = text;
  $("busy").classList.toggle("failed", Boolean(failed));
}

function press(id, on) { $(id).setAttribute("aria-pressed", String(on)); }
function pressed(id) { return $(id).getAttribute("aria-pressed") === "true"; }

function outcomeText(item) {
  if (item.outcome === "failed") return "failed";
  if (item.outcome === "skipped") return "skipped";
  const parts = [item.verdict];
  if (item.corrected) parts.push(item.pending ? "corrections to apply" : "corrected");
  if (item.warned || item.problem) parts.push("warning");
  if (item.certainty !== null && $("filter").value === "uncertain") parts.push(`certainty ${Math.round(item.certainty * 100)} %`);
  return parts.join(", ");
}

async function load(more, reread) {
  const offset = more ? state.items.length : 0;
  const query = new URLSearchParams({ filter: $("filter").value, text: $("search").value, offset });
  if (reread) query.set("reread", "1");
  let found;
  try { found = await (await ask(`/api/items?${query}`)).json(); } catch (error) { $("total").textContent = error.message; return; }
  $("destination").textContent = found.destination;
  if (!$("author").value) $("author").value = localStorage.getItem("author") || found.author;
  for (const option of $("filter").options) option.textContent = `${option.textContent.replace(/ \(.*$/, "")} (${found.counts[option.value]})`;
  state.items = more ? state.items.concat(found.items) : found.items;
  const unknown = $("filter").value === "uncertain" && !found.counts.uncertain ? " Certainty is known for pictures that were colored with --confidence." : "";
  $("total").textContent = found.total ? "" : `Nothing matches.${unknown}`;
  if (!more) $("items").replaceChildren();
  for (const item of found.items) $("items").append(row(item));
  $("more").hidden = state.items.length >= found.total;
}

function row(item) {
  const line = element("li");
  const button = element("button");
  button.dataset.id = item.id;
  button.setAttribute("aria-current", String(Boolean(state.item) && state.item.id === item.id));
  if (item.pictures) {
    const picture = element("img");
    picture.src = `/media/${item.id}/thumbnail`;
    picture.alt = "";
    picture.loading = "lazy";
    button.append(picture);
  } else button.append(element("span", "", "blank"));
  const words = element("span");
  words.append(breakable(element("b", ""), item.key), element("span", outcomeText(item), `note ${item.outcome === "failed" ? "failed" : item.verdict}`));
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
  if (old) old.parentNode.replaceWith(row(item));
}

function mayLeave() { return !state.dirty || confirm("Leave without saving?"); }

async function choose(id) {
  if (!mayLeave()) return;
  await open(id);
}

async function open(id) {
  let item;
  try { item = await (await ask(`/api/items/${id}`)).json(); } catch (error) { $("nothing").textContent = error.message; $("nothing").hidden = false; return; }
  for (const button of $("items").querySelectorAll("button")) button.setAttribute("aria-current", String(button.dataset.id === id));
  setPainting(false);
  show(item, true);
  document.body.classList.add("open");
  $("stage").focus({ preventScroll: true });
}

function show(item, fresh) {
  state.item = item;
  state.dirty = false;
  state.edit = { hints: structuredClone(item.hints), references: { ...item.references }, variant: item.variant, shotVariants: item.shot_variants };
  $("nothing").hidden = true;
  $("item").hidden = false;
  breakable($("name"), item.key);
  const size = item.width ? `${item.width} × ${item.height} pixels. ` : "";
  const sure = item.certainty === null ? "" : `Certainty of the colors ${Math.round(item.certainty * 100)} %. `;
  const who = item.saved_at ? `Saved by ${item.author || "somebody"} at ${item.saved_at.replace("T", " ").slice(0, 16)} UTC.` : "Not reviewed yet.";
  $("state").textContent = `${size}${sure}${who}`;
  const troubles = [item.problem, item.error, item.picture_problem, ...item.warnings].filter(Boolean);
  $("trouble").hidden = !troubles.length;
  $("trouble").replaceChildren(...troubles.map((text) => element("li", text)));
  $("comment").value = item.comment;
  press("accept", item.verdict === "accepted");
  press("reject", item.verdict === "rejected");
  $("saved").textContent = "";
  $("reload").hidden = $("insist").hidden = true;
  const film = item.kind === "film";
  for (const id of ["compare", "slider-row", "painting", "choosing"]) $(id).hidden = !item.viewable;
  $("film").hidden = $("dropping").hidden = !film || !item.viewable;
  tell("");
  corrections();
  if (!item.viewable) return;
  if (fresh) {
    state.frame = 0;
    if (film) shots(item);
    pictures();
  } else {
    if (state.previewing) tell(previewText());
    draw();
  }
}

// Shows the source and the output. Corrections that no run has applied yet are previewed instead.
function pictures() {
  const { id, width, height } = state.item;
  const query = state.item.kind === "film" ? `?frame=${state.frame}` : "";
  for (const [name, which] of [["before", "source"], ["after", "output"]]) {
    $(name).width = width;
    $(name).height = height;
    $(name).alt = which === "source" ? "The source, gray" : "The result, in color";
    $(name).src = `/media/${id}/${which}.jpg${query}`;
  }
  state.previewing = false;
  state.cross = null;
  // The canvas is at most 2,000 pixels wide or high; hints are in pixels of the full-size picture.
  state.scale = Math.min(1, 2000 / Math.max(width, height));
  $("paint").width = Math.round(width * state.scale);
  $("paint").height = Math.round(height * state.scale);
  tell("");
  fit();
  slide();
  draw();
  if ((state.item.pending || state.dirty) && correctedHere()) preview();
}

for (const name of ["before", "after"]) {
  $(name).onerror = () => { if ($(name).src.startsWith("http")) explain($(name).src); };
}

async function explain(address) {
  try { await ask(address); } catch (error) { tell(error.message, true); }
}

// Large pictures are as large as the window, or full size; small ones are enlarged to paint on them.
function fit() {
  const { width, height } = state.item;
  const share = state.item.kind === "film" ? 0.52 : 0.7;
  const tall = innerHeight * share * width / height;
  const shown = pressed("full") ? width : Math.min(Math.max(width, Math.min(3 * width, 640)), tall);
  $("compare").style.width = `${Math.round(shown)}px`;
  $("compare").style.maxWidth = pressed("full") ? "none" : "100%";
  $("full").hidden = width <= shown && !pressed("full");
}

function slide() {
  const share = $("slider").value / 10;
  $("before").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  $("handle").style.left = `${share}%`;
}

function changed() {
  state.dirty = true;
  $("saved").textContent = "Not saved yet.";
  corrections();
  draw();
  return preview();
}

async function save(verdict) {
  const { id, version } = state.item;
  const chosen = verdict || (pressed("accept") ? "accepted" : pressed("reject") ? "rejected" : "unreviewed");
  localStorage.setItem("author", $("author").value);
  const { hints, references, variant, shotVariants } = state.edit;
  const sent = { verdict: chosen, comment: $("comment").value, hints, references, variant, shot_variants: shotVariants, version, author: $("author").value };
  try {
    const item = await (await ask(`/api/items/${id}/review`, sent)).json();
    if (state.item.id === id) show(item, false);
    refreshRow(item);
    $("saved").textContent = "Saved.";
    return true;
  } catch (error) {
    $("saved").textContent = error.message;
    $("reload").hidden = $("insist").hidden = error.status !== 409;
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
  if (!next) return;
  choose(next.id);
  const button = $("items").querySelector(`button[data-id="${next.id}"]`);
  if (button) button.scrollIntoView({ block: "nearest" });
}

$("filter").onchange = () => load(false);
let typing;
$("search").oninput = () => { clearTimeout(typing); typing = setTimeout(() => load(false), 200); };
$("more").onclick = () => load(true);
$("slider").oninput = slide;
$("full").onclick = () => { press("full", !pressed("full")); fit(); draw(); };
addEventListener("resize", () => { if (state.item && state.item.viewable) { fit(); draw(); } });
$("back").onclick = () => { if (mayLeave()) { state.dirty = false; document.body.classList.remove("open"); } };
$("accept").onclick = () => decide("accepted");
$("reject").onclick = () => decide("rejected");
$("comment").oninput = () => { state.dirty = true; $("saved").textContent = "Not saved yet."; };
$("save").onclick = () => save();
$("reload").onclick = () => open(state.item.id);
// Theirs stays in the history, as the version before.
$("insist").onclick = async () => {
  try { state.item.version = (await (await ask(`/api/items/${state.item.id}`)).json()).version; } catch (error) { $("saved").textContent = error.message; return; }
  save();
};
addEventListener("beforeunload", (event) => { if (state.dirty) event.preventDefault(); });
addEventListener("load", () => load(false, true));
