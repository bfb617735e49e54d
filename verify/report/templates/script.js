(() => {
  const controls = document.querySelector(".controls");
  const rows = [...document.querySelectorAll(".ledger tbody tr")];
  const selects = [...controls.querySelectorAll("select")];
  const shown = controls.querySelector(".shown");
  const update = () => {
    let count = 0;
    for (const row of rows) {
      row.hidden = !selects.every((select) => !select.value || row.dataset[select.name].split("|").includes(select.value));
      count += !row.hidden;
    }
    const claims = rows.length === 1 ? "claim" : "claims";
    shown.textContent = count === rows.length ? `${count} ${claims}` : `${count} of ${rows.length} ${claims}`;
  };
  for (const select of selects) select.addEventListener("change", update);
  controls.querySelector("button").addEventListener("click", () => {
    for (const select of selects) select.value = "";
    update();
  });
  controls.hidden = false;
  update();

  const byHand = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done ? Promise.resolve() : Promise.reject(new Error("copy"));
  };
  const copy = (text) => (navigator.clipboard ? navigator.clipboard.writeText(text).catch(() => byHand(text)) : byHand(text));
  for (const button of document.querySelectorAll(".rerun button")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const say = (word) => {
        button.textContent = word;
        setTimeout(() => (button.textContent = "Copy"), 1600);
      };
      copy(button.previousElementSibling.textContent).then(() => say("Copied"), () => say("Select and copy by hand"));
    });
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => (details.open = true)));
})();
