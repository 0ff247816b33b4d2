"use strict";
// Shots and frames of films, reference frames, and the list of an item's corrections.

function shotHere() {
  const begun = state.item.shots.filter((shot) => shot.frame <= state.frame);
  return begun[begun.length - 1] || state.item.shots[0] || { number: 1, frame: 0, frames: 1, start_ms: 0, end_ms: null };
}

function time(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function shots(item) {
  const strip = $("shots");
  strip.replaceChildren();
  const first = item.shots[0];
  const last = item.shots[item.shots.length - 1];
  $("frame").min = first ? first.frame : 0;
  $("frame").max = last ? last.frame + last.frames - 1 : 0;
  state.frame = Number($("frame").min);
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
    button.append(element("span", `Shot ${shot.number}, ${time(shot.start_ms)}`), element("span", "", "marks"));
    button.onclick = () => seek(middle(shot));
    line.append(button);
    strip.append(line);
  }
  if (sheet) {
    sheet.onload = () => drawn.forEach((picture, index) => {
      const { width, height, columns } = item.sheet;
      picture.getContext("2d").drawImage(sheet, -(index % columns) * width, -Math.floor(index / columns) * height);
    });
    sheet.src = `/media/${item.id}/shots`;
  }
  frameShown();
}

// The first frames of a shot may belong to a dissolve.
function middle(shot) { return shot.frame + Math.floor(shot.frames / 2); }

function frameShown() {
  const shot = shotHere();
  $("frame").value = state.frame;
  $("frame-number").textContent = String(state.frame);
  $("shot-note").textContent = `Shot ${shot.number} of ${state.item.shots.length}: frames ${shot.frame} to ${shot.frame + shot.frames - 1}.`;
  [...$("shots").children].forEach((line, index) => line.firstChild.setAttribute("aria-current", String(state.item.shots[index].number === shot.number)));
  corrections();
}

function seek(frame) {
  state.frame = Math.max(Number($("frame").min), Math.min(Number($("frame").max), frame));
  frameShown();
  pictures();
  if (state.painting) prepare();
}

function seekShot(step) {
  const all = state.item.shots;
  const next = all[all.indexOf(shotHere()) + step];
  if (next) {
    seek(middle(next));
    // Only the strip scrolls; the picture stays where it is.
    const line = $("shots").children[all.indexOf(next)];
    $("shots").scrollLeft = line.offsetLeft - $("shots").offsetLeft - ($("shots").clientWidth - line.clientWidth) / 2;
  }
}

function shotOf(frame) { return state.item.shots.find((shot) => shot.frame <= frame && frame < shot.frame + shot.frames); }

// The list of corrections: what it is, a way there, and a way to remove it.
function corrections() {
  const { edit, item } = state;
  const film = item.kind === "film";
  const rows = [];
  if (edit.variant) rows.push([film ? "Alternative colors" : "", `variant ${edit.variant}`, null, () => { edit.variant = 0; }]);
  for (const each of edit.shotVariants) {
    const shot = item.shots.find((one) => one.start_ms === each[0]);
    rows.push([shot ? `Shot ${shot.number}` : `From ${time(each[0])}`, `variant ${each[2]}`, shot ? middle(shot) : null, () => { edit.shotVariants = edit.shotVariants.filter((one) => one !== each); }]);
  }
  for (const frame of Object.keys(edit.references)) rows.push([`Frame ${frame}`, "picture", Number(frame), () => { delete edit.references[frame]; }, edit.references[frame]]);
  for (const [frame, hints] of Object.entries(edit.hints)) {
    if (hints.length) rows.push([film ? `Frame ${frame}` : "", `${hints.length} ${hints.length === 1 ? "hint" : "hints"}`, film ? Number(frame) : null, () => { edit.hints[frame] = []; }]);
  }
  $("corrections").hidden = !rows.length && !item.pending;
  $("correction-list").replaceChildren(...rows.map(correctionRow));
  $("applied").textContent = state.dirty ? "Save, then run colorworker colorize or restore again. It applies the corrections, and colors only what they change." : item.pending ? "Saved, but not applied yet: run colorworker colorize or restore again. It colors only what the corrections change." : rows.length ? "The result shows them." : "";
  $("chosen").textContent = variantHere() ? `Alternative colors: ${variantHere()}` : "Alternative colors";
  if (film) marks();
}

function correctionRow([where, what, frame, remove, reference]) {
  const line = element("li");
  if (reference) {
    const picture = element("img");
    picture.src = `/media/${state.item.id}/reference/${reference}`;
    picture.alt = "";
    line.append(picture);
  }
  line.append(element("span", [where, what].filter(Boolean).join(": "), "what"));
  if (frame !== null) {
    const go = element("button", "Show");
    go.onclick = () => seek(frame);
    line.append(go);
  }
  const gone = element("button", "Remove");
  gone.setAttribute("aria-label", `Remove ${what} ${where}`);
  gone.onclick = () => { remove(); changed(); };
  line.append(gone);
  return line;
}

function marks() {
  [...$("shots").querySelectorAll(".marks")].forEach((mark, index) => {
    const shot = state.item.shots[index];
    const isHere = (frame) => shotOf(Number(frame)) === shot;
    const found = [];
    if (Object.entries(state.edit.hints).some(([frame, hints]) => hints.length && isHere(frame))) found.push("hints");
    if (Object.keys(state.edit.references).some(isHere)) found.push("picture");
    if (state.edit.shotVariants.some((each) => each[0] === shot.start_ms)) found.push("variant");
    mark.textContent = found.join(", ");
  });
}

// A colored copy of a frame, dropped on it or chosen from a dialog.
async function drop(file) {
  if (!file || state.item.kind !== "film") return;
  const { id } = state.item;
  const frame = state.frame;
  if (file.size > 64 * 2 ** 20) { tell(`${file.name} is larger than 64 MiB. Save it as JPEG.`, true); return; }
  tell(`Sending ${file.name} …`);
  try {
    const { name, warning } = await (await ask(`/api/items/${id}/reference?frame=${frame}`, file)).json();
    if (state.item.id !== id) return;
    state.edit.references[String(frame)] = name;
    changed();
    if (warning) { $("trouble").hidden = false; $("trouble").append(element("li", warning)); }
  } catch (error) { tell(error.message, true); }
}

for (const name of ["dragenter", "dragover"]) {
  $("compare").addEventListener(name, (event) => {
    event.preventDefault();
    const film = state.item.kind === "film";
    event.dataTransfer.dropEffect = film ? "copy" : "none";
    $("drop-note").hidden = false;
    $("drop-note").textContent = film ? `Drop a colored copy of frame ${state.frame}` : "Colored copies are for frames of films; paint on pictures";
  });
}
$("compare").addEventListener("dragleave", () => { $("drop-note").hidden = true; });
$("compare").addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop-note").hidden = true;
  drop(event.dataTransfer.files[0]);
});
// A picture that is dropped beside the frame must not replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

$("dropping").onclick = () => $("file").click();
$("file").onchange = () => { drop($("file").files[0]); $("file").value = ""; };
$("frame").oninput = () => { $("frame-number").textContent = $("frame").value; };
$("frame").onchange = () => seek(Number($("frame").value));
$("play").onclick = () => {
  $("video").hidden = false;
  if (!$("video").getAttribute("src")) $("video").src = `/media/${state.item.id}/film`;
  $("video").play().catch((error) => { tell(`The browser does not play it: ${error.message}`, true); });
};
