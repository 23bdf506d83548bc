"use strict";
(() => {
  const filter = document.getElementById("filter");
  const changed = document.getElementById("changed");
  const count = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  const tables = [...document.querySelectorAll("section")].map((section) => ({
    section,
    link: document.querySelector(`nav a[href="#${section.id}"]`),
    name: section.dataset.name.toLowerCase(),
    records: [...section.querySelectorAll("tbody")].map((body) => ({
      body,
      cells: [...body.querySelectorAll("tr[data-column]")].map((row) => ({
        row,
        column: row.dataset.column.toLowerCase(),
        differs: row.classList.contains("changed"),
      })),
    })),
  }));
  const counted = (number, noun) =>
    `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  function show() {
    const wanted = filter.value.trim().toLowerCase();
    let shownTables = 0;
    let shownValues = 0;
    for (const table of tables) {
      const whole = table.name.includes(wanted);
      let here = 0;
      for (const record of table.records) {
        let visible = 0;
        for (const cell of record.cells) {
          const fits = (whole || cell.column.includes(wanted)) && (cell.differs || !changed.checked);
          cell.row.hidden = !fits;
          visible += fits ? 1 : 0;
        }
        record.body.hidden = visible === 0;
        here += visible;
      }
      const untouched = whole && !changed.checked;
      table.section.hidden = here === 0 && !untouched;
      if (table.link) table.link.parentElement.hidden = table.section.hidden;
      shownTables += table.section.hidden ? 0 : 1;
      shownValues += here;
    }
    count.textContent = `${counted(shownValues, "value")} in ${counted(shownTables, "table")}`;
    nothing.hidden = shownTables > 0;
  }

  filter.addEventListener("input", show);
  changed.addEventListener("change", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "Escape" && document.activeElement === filter) {
      filter.value = "";
      show();
    }
  });
  document.getElementById("bar").hidden = false;
  show();
})();
