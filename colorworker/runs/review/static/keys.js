"use strict";
// Everything works with the keyboard; the dialog `keys` lists it.

function nudge(by) { $("slider").value = Number($("slider").value) + by; slide(); }

addEventListener("keydown", (event) => {
  const typingIn = event.target.matches("input:not([type=range], [type=color], [type=radio]), textarea, select");
  if (event.key === "Escape") { if (typingIn) event.target.blur(); else if (state.painting) setPainting(false); return; }
  if (typingIn || event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  if ($("variants").open) {
    const tile = $("variant-tiles").children[Number(event.key)];
    if (/^\d$/.test(event.key) && tile) tile.click();
    return;
  }
  const shown = state.item && !$("item").hidden;
  const film = shown && !$("film").hidden;
  const click = (id) => () => { if (!$(id).hidden) $(id).click(); };
  const actions = {
    j: () => step(1), k: () => step(-1), "/": () => $("search").focus(), "?": () => $("keys").showModal(),
    ...(shown && {
      a: click("accept"), r: click("reject"), s: click("save"), c: () => $("comment").focus(), v: click("choosing"), z: click("full"), d: click("dropping"), u: () => state.painting && $("undo").click(),
      p: () => { click("painting")(); if (state.painting) $("paint").focus({ preventScroll: true }); },
      ArrowLeft: () => nudge(-50), ArrowRight: () => nudge(50),
    }),
    ...(film && { ",": () => seek(state.frame - 1), ".": () => seek(state.frame + 1), "[": () => seekShot(-1), "]": () => seekShot(1) }),
  };
  const action = actions[event.key];
  if (action && !(event.target.matches("input[type=range], input[type=radio], video") && event.key.startsWith("Arrow"))) { event.preventDefault(); action(); }
});
